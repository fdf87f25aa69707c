import {
  isFinal,
  type OperationEvents,
  type OperationLease,
  type OperationState,
  type ProducerGateway,
  type ReportResult,
  type SteeringGateway,
} from "@milepost/model";
import { type ErrorCode, MilepostError } from "@milepost/protocol";
import { backoffMs } from "./backoff.ts";
import type { Cancel, Clock } from "./clock.ts";
import { withDeadline } from "./deadline.ts";
import type { Complaint } from "./field-repair.ts";
import { ForeignAnswer, isTooLarge } from "./foreign-answer.ts";
import { Losses } from "./losses.ts";
import { OperationCreation } from "./operation-creation.ts";
import { Outbox, type OutboxBounds, type Sent } from "./outbox.ts";
import { asMilepostError, type Problem, type ProblemListener } from "./problem.ts";
import type { Random } from "./random.ts";
import { type Report, reportBytes, slotOf, weightOf } from "./report.ts";
import type { Create } from "./sanitize-create.ts";
import { sanitizeReport } from "./sanitize-report.ts";
import { mayTakeLess, slimmerReport } from "./slimmer.ts";
import { Suspicion } from "./suspicion.ts";

/** Intervals and timeouts of a reporter, in milliseconds. */
export interface ReporterTiming {
  /**
   * Minimum interval between two sends of reports that are not urgent, in milliseconds. Twice that while reports are
   * very frequent.
   */
  readonly flushIntervalMs: number;
  /** Time after which an unanswered call is given up and repeated, in milliseconds. */
  readonly callTimeoutMs: number;
  readonly retryBaseMs: number;
  readonly retryCapMs: number;
  /** Maximum time for delivering the last reports after the work has ended, in milliseconds. */
  readonly closingFlushMs: number;
}

/** Dependencies and settings of a reporter. */
export interface ReporterOptions {
  readonly gateway: ProducerGateway & Partial<SteeringGateway>;
  readonly clock: Clock;
  readonly random: Random;
  readonly bounds: OutboxBounds;
  readonly timing: ReporterTiming;
  readonly onProblem: ProblemListener;
  /**
   * True if another process may hold the lease of the same producer id. The reporter then takes a lease of its own, so that
   * the other one can report nothing more, and begins a later attempt where its own is refused.
   */
  readonly claims?: boolean;
  /**
   * Asked when another process has taken the lease: true if the work is still this process's, which then takes the lease
   * back. Default: false.
   */
  readonly isStillMine?: () => Promise<boolean>;
}

const maxBatchReports = 400;
const maxBatchBytes = 128 * 1024;
/**
 * Number of reports between two sends from which on the next one waits for twice the interval. A call costs the
 * process of the job more than ten thousand merged reports, and nobody reads that fast.
 */
const busyReports = 50;
/** Maximum backoff during the closing flush, in milliseconds. It is short because little time is left. */
const closingCapMs = 500;

/** Error codes of a refused call that may be caused by a single report in the batch. */
const causedByOneReport: ReadonlySet<ErrorCode> = new Set([
  "bad_json",
  "bad_message",
  "invalid_event",
  "invalid_data",
  "too_large",
  "too_deep",
  "not_possible_now",
]);

type Phase =
  /** The work is running or waiting; the lease is renewed. */
  | "open"
  /** The work has ended; the remaining reports are being delivered. */
  | "closing"
  /** The work has ended and every report was delivered. */
  | "closed"
  /** Reporting has stopped for good or until `reopen()`. Nothing more is sent. */
  | "stopped";

/**
 * Delivers the reports on one operation to the gateway. The gateway stores them in order and each once. The
 * work never waits for the delivery and never sees its failures.
 *
 * The reporter makes one call at a time. It repeats a call that failed in a retryable way or was not answered
 * in time, with the same keys. If the gateway has forgotten the operation, the reporter creates it again. If
 * the gateway gave the operation up as lost, the reporter reports `started` with a higher attempt.
 */
export class Reporter {
  readonly operationId: string;
  /**
   * Resolves to true once the gateway has the operation. Resolves to false if reporting stops before. Never
   * rejects.
   */
  readonly created: Promise<boolean>;
  #resolveCreated: (created: boolean) => void = () => {};
  /** Number of times that the operation was created; more than once if the gateway forgot it. */
  creations = 0;
  readonly #options: ReporterOptions;
  readonly #creation: OperationCreation;
  readonly #losses: Losses;
  readonly #onTakenOver: (error: MilepostError) => void;
  readonly #outbox: Outbox;
  #phase: Phase = "open";
  #lease: OperationLease | undefined;
  /** The call with which the reporter acquires a lease when it has none. */
  #acquireBy: "create" | "takeOver" = "create";
  #attempt = 0;
  /** True once another process has taken the lease, until it is known whose work it is. */
  #isDisputed = false;
  /** Latest attempt that the gateway knew when this reporter claimed the operation. */
  #knownAttempt = 0;
  /** True once the gateway has stored `started` of the current attempt. */
  #startedIsStored = false;
  #endIsStored = false;
  /**
   * True while the gateway has forgotten an operation whose `started` event it had stored. The reporter repeats
   * `started` after it has created the operation again.
   */
  #wasForgotten = false;
  /**
   * True after the reporter could not reach the gateway for longer than the lease. The gateway may then have
   * given the operation up as lost.
   */
  #wasSilent = false;
  #call: AbortController | undefined;
  #failures = 0;
  #retryAfterMs = 0;
  #batchLimit = maxBatchReports;
  /** Waits for reports on messages to be stored, by message and phase. */
  readonly #confirmations = new Map<string, (isStored: boolean) => void>();
  /** Latest report of what the operation accepts; a gateway that forgot the operation receives it again. */
  #accepts: OperationEvents["accepts"] | undefined;
  readonly #suspicion = new Suspicion();
  #urgent = false;
  #lastFlushAt = Number.NEGATIVE_INFINITY;
  #reportsSinceFlush = 0;
  #isBusy = false;
  #lastContactAt: number;
  #planned:
    | { readonly kind: "soon" | "flush" | "retry" | "renew"; readonly cancel: Cancel }
    | undefined;
  #closing: { readonly resolve: (delivered: boolean) => void; readonly cancel: Cancel } | undefined;

  constructor(
    options: ReporterOptions,
    create: Create,
    onTakenOver: (error: MilepostError) => void,
  ) {
    this.operationId = create.operation_id;
    this.created = new Promise((resolve) => {
      this.#resolveCreated = resolve;
    });
    this.#options = options;
    this.#losses = new Losses((code, message, event) =>
      this.#tell(code, message, "dropped", event),
    );
    this.#creation = new OperationCreation(create, {
      create: (input, signal) => this.#timed((each) => options.gateway.create(input, each), signal),
      onLeftOut: (error, leftOut) =>
        this.#losses.refused(error, `the operation; it is created without ${leftOut}`, "created"),
    });
    this.#onTakenOver = onTakenOver;
    this.#outbox = new Outbox(options.bounds, options.random.id(10));
    this.#lastContactAt = options.clock.monotonic();
    this.#plan();
  }

  /** Number of the attempt that was last reported as started; 0 before the first. */
  get attempt(): number {
    return this.#attempt;
  }

  /** Reports with a lease that this producer was given, on an operation that exists. Call it before anything is reported. */
  adopt(lease: OperationLease): void {
    this.#lease = lease;
    this.#acquireBy = "takeOver";
    this.#resolveCreated(true);
  }

  /** Lease with which the reports are sent; undefined while there is none. */
  get lease(): OperationLease | undefined {
    return this.#lease;
  }

  /** True while the operation may be reported on. */
  get isOpen(): boolean {
    return this.#phase === "open";
  }

  /**
   * Queues a report on a message. Resolves to true once the gateway has stored it, and to false if the gateway refuses it or
   * reporting stops before. Never rejects.
   */
  confirm(report: Report & { readonly event: "input" }): Promise<boolean> {
    if (this.#phase !== "open") return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#confirmations.set(inputKey(report), resolve);
      this.report(report);
    });
  }

  #confirmed(report: Report, isStored: boolean): void {
    if (report.event !== "input" || this.#confirmations.size === 0) return;
    const key = inputKey(report);
    this.#confirmations.get(key)?.(isStored);
    this.#confirmations.delete(key);
  }

  /** Queues a report for delivery. Never throws and never waits. */
  report(report: Report): void {
    if (this.#phase === "stopped") return;
    this.#reportsSinceFlush++;
    // While a report waits, a call is in progress or planned.
    if (this.#phase === "open" && this.#outbox.absorb(report)) return;
    const isLate = this.#phase === "closed";
    if (isLate) this.#phase = "open";
    this.#take(report);
    if (isLate) void this.close();
  }

  /** Tells the problem listener what an event loses. Each field of an event is told of once. */
  complain(complaints: readonly Complaint[], event: Report["event"] | "created"): void {
    this.#losses.complain(complaints, event);
  }

  #take(given: Report): void {
    const { report, complaints } = sanitizeReport(given);
    this.complain(complaints, given.event);
    if (report === undefined) return;
    if (report.event === "started") {
      this.#attempt = report.data.attempt ?? this.#attempt + 1;
      this.#startedIsStored = false;
      this.#endIsStored = false;
    }
    if (report.event === "accepts") this.#accepts = { ...this.#accepts, ...report.data };
    this.#outbox.add(report);
    if (!this.#urgent && weightOf(report) === "lifecycle") {
      this.#urgent = true;
      this.#plan();
    } else if (this.#planned === undefined || this.#planned.kind === "renew") this.#plan();
  }

  /**
   * Delivers the remaining reports after the work has ended, for at most `closingFlushMs`. Resolves to true if
   * everything that was reported was delivered, otherwise to false. Never rejects.
   */
  close(): Promise<boolean> {
    if (this.#phase !== "open") return Promise.resolve(this.#phase === "closed" && !this.#hasLost);
    this.#phase = "closing";
    return new Promise((resolve) => {
      const { clock, timing } = this.#options;
      const cancelEnd = clock.after(timing.closingFlushMs, () => {
        this.#stop("timed_out", "the last reports could not be delivered in time");
      });
      // Otherwise a call that hangs, or a retry that is planned late because of a long outage, would use up the
      // remaining time.
      const hanging = this.#call;
      const cancelHanging = clock.after(this.#callTimeoutMs(), () => {
        hanging?.abort(
          new MilepostError(
            "timed_out",
            "the gateway did not answer in time; the last reports may be lost",
          ),
        );
      });
      const cancel = () => {
        cancelEnd();
        cancelHanging();
      };
      this.#closing = { resolve, cancel };
      if (this.#failures > 0) this.#failures = 1;
      this.#retryAfterMs = 0;
      this.#plan();
    });
  }

  /**
   * Starts reporting again on an operation that has ended. The next call takes the operation over, so it does
   * not matter that the old lease may have expired.
   */
  reopen(): void {
    if (this.#phase === "open") return;
    if (this.#phase === "stopped") this.#outbox.clear();
    if (this.#closing) this.#settleClosing(false);
    this.#phase = "open";
    this.#lease = undefined;
    this.#acquireBy = "takeOver";
    this.#failures = 0;
    this.#losses.reset();
    this.#outbox.hasDropped = false;
  }

  /** Stops all reporting at once. Reports that were not delivered are lost. */
  stop(reason: string): void {
    this.#stop("cancelled", reason);
  }

  #plan(): void {
    if (this.#call || this.#phase === "stopped" || this.#phase === "closed") return;
    const { clock, timing, random } = this.#options;
    if (this.#failures > 0) {
      const capMs = this.#phase === "closing" ? closingCapMs : timing.retryCapMs;
      const bounds = { baseMs: timing.retryBaseMs, capMs };
      this.#after("retry", backoffMs(this.#failures, bounds, random, this.#retryAfterMs));
    } else if (this.#outbox.size > 0 || this.#lease === undefined) {
      const intervalMs = timing.flushIntervalMs * (this.#isBusy ? 2 : 1);
      const wait = this.#lastFlushAt + intervalMs - clock.monotonic();
      if (this.#urgent || this.#phase === "closing" || wait <= 0) this.#soon();
      else this.#after("flush", wait);
    } else if (this.#phase === "closing") {
      this.#phase = "closed";
      this.#planned?.cancel();
      this.#planned = undefined;
      this.#settleClosing(!this.#hasLost);
    } else {
      this.#after("renew", this.#lastContactAt + this.#lease.ttl_ms / 3 - clock.monotonic());
    }
  }

  #soon(): void {
    if (this.#planned?.kind === "soon") return;
    this.#planned?.cancel();
    const cancel = this.#options.clock.soon(this.#run);
    this.#planned = { kind: "soon", cancel };
  }

  #after(kind: "flush" | "retry" | "renew", delayMs: number): void {
    this.#planned?.cancel();
    const cancel = this.#options.clock.after(Math.max(0, delayMs), this.#run);
    this.#planned = { kind, cancel };
  }

  readonly #run = (): void => {
    this.#planned = undefined;
    void this.#turn();
  };

  /** Makes one call and schedules the next call according to its outcome. Never rejects. */
  async #turn(): Promise<void> {
    const call = new AbortController();
    this.#call = call;
    try {
      if (this.#lease === undefined) await this.#acquire(call.signal);
      else await this.#send(this.#lease, call.signal);
    } catch (thrown) {
      if (this.#call === call) this.#onFailure(asMilepostError(thrown));
    }
    if (this.#call !== call) return;
    this.#call = undefined;
    this.#plan();
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    const { gateway } = this.#options;
    if (this.#acquireBy === "takeOver") {
      if (this.#isDisputed && !(await this.#options.isStillMine?.())) {
        throw new MilepostError("stale_lease", "another process has taken the operation over");
      }
      const lease = await this.#timed(
        (each) =>
          gateway.takeOver(
            this.operationId,
            this.#creation.leaseMs,
            each,
            this.#creation.producerId,
          ),
        signal,
      );
      this.#lease = lease;
      if (this.#isDisputed && !this.#endIsStored) {
        this.#outbox.putFirst({ event: "started", data: { attempt: this.#attempt } });
      }
      this.#isDisputed = false;
    } else {
      const created = await this.#creation.attempt(signal);
      if (created === undefined) {
        this.#urgent = true;
        this.#contact();
        return;
      }
      if (this.#options.claims === true && created.duplicate) {
        const { attempt } = created.operation;
        this.#knownAttempt = Math.max(this.#knownAttempt, attempt);
        this.#acquireBy = "takeOver";
        this.#urgent = true;
        this.#resolveCreated(true);
        this.#contact();
        return;
      }
      this.#lease = created.lease;
      this.creations++;
      if (created.duplicate && !this.#startedIsStored) this.#goOn(created.operation);
      this.#resolveCreated(true);
      if (this.#wasForgotten) {
        this.#wasForgotten = false;
        const data = this.#accepts;
        if (data !== undefined) this.#outbox.putFirst({ event: "accepts", data });
        this.#outbox.putFirst({ event: "started", data: { attempt: this.#attempt } });
      }
    }
    this.#contact();
  }

  /** Goes on with an operation that an earlier process began: in its attempt, or in the next one if it has ended. */
  #goOn({ attempt, status }: Pick<OperationState, "attempt" | "status">): void {
    const next = isFinal(status) ? attempt + 1 : attempt;
    if (this.#attempt === 0 || next <= this.#attempt) return;
    this.#attempt = next;
    this.#outbox.putFirst({ event: "started", data: { attempt: next } });
  }

  async #send(lease: OperationLease, signal: AbortSignal): Promise<void> {
    this.#urgent = false;
    this.#lastFlushAt = this.#options.clock.monotonic();
    this.#isBusy = this.#reportsSinceFlush > busyReports;
    this.#reportsSinceFlush = 0;
    const isProbe = this.#suspicion.wantsProbe;
    const batch = isProbe ? [] : this.#outbox.take(this.#batchLimit, maxBatchBytes);
    const events = batch.map(({ key, report: { event, data } }) => ({ event, data, key }));
    let results: readonly ReportResult[];
    try {
      results = await this.#timed(
        (each) =>
          this.#options.gateway.report(this.operationId, { lease: lease.token, events }, each),
        signal,
      );
    } catch (thrown) {
      const error = asMilepostError(thrown);
      if (batch.length > 0 && this.#isAboutReport(batch, error)) {
        return this.#onRefusedBatch(batch, error);
      }
      throw error;
    }
    if (isProbe) {
      this.#suspicion.passed();
      this.#urgent = true;
      this.#contact();
      return;
    }
    if (batch.length > 0) this.#suspicion.clear();
    this.#settle(batch, results);
  }

  /** Returns true if a refused batch has to be split, or its only report to be sent with less or given up. */
  #isAboutReport(batch: readonly Sent[], error: MilepostError): boolean {
    const [only] = batch;
    if (!(error instanceof ForeignAnswer))
      return !error.retryable && causedByOneReport.has(error.code);
    if (only === undefined || !error.isAboutRequest) return false;
    if (batch.length > 1) {
      // Something in between may dislike one report. Smaller batches let the reports before it pass.
      this.#batchLimit = Math.ceil(batch.length / 2);
      return error.code === "too_large";
    }
    if (!isTooLarge(error, reportBytes(only.report)) && !this.#suspicion.refused()) return false;
    // Without its end, the operation would run for ever.
    return !isEnd(only.report) || slimmerReport(only.report) !== undefined;
  }

  #settle(batch: readonly Sent[], results: readonly ReportResult[]): void {
    this.#contact();
    this.#batchLimit = Math.min(maxBatchReports, this.#batchLimit * 2);
    const again: Report[] = [];
    let isGoingOn = true;
    for (let index = 0; isGoingOn && index < batch.length; index++) {
      const sent = batch[index] as Sent;
      const result = results[index];
      if (result === undefined) {
        // The gateway returned no result for this event and gave no reason.
        if (index === 0)
          this.#onFailure(
            new MilepostError("internal", "the gateway returned no result for the first event"),
          );
        isGoingOn = false;
      } else if ("error" in result) {
        const error = asMilepostError(result.error);
        if (error.retryable || error.code === "stale_lease" || isForgotten(sent, error)) {
          this.#onFailure(error);
          isGoingOn = false;
        } else if (this.#revives(sent, error)) isGoingOn = false;
        else {
          const later = batch.slice(index + 1);
          const instead = this.#refused(sent.report, error, later);
          if (instead !== undefined) again.push(instead);
        }
      } else this.#onStored(sent.report);
    }
    // Only now, since the results are in the order of the batch. After a takeover there is nothing to send.
    if (this.#phase !== "stopped")
      for (const report of again.toReversed()) this.#outbox.putFirst(report);
  }

  #onStored(report: Report): void {
    this.#outbox.settle(1);
    this.#confirmed(report, true);
    if (report.event === "started") this.#startedIsStored = true;
    else if (isEnd(report)) this.#endIsStored = true;
  }

  /**
   * Gives up a report that the gateway refused for good. Returns the report to send in its place: the same with
   * less in it, or undefined if there is none or a later report of the same slot says what counts.
   *
   * A result that breaks the contract ends the operation as failed. Subscribers then see the end and the reason.
   */
  #refused(report: Report, error: MilepostError, later: readonly Sent[]): Report | undefined {
    this.#outbox.settle(1);
    this.#confirmed(report, false);
    const { code, message } = error;
    if (report.event === "done" && code === "invalid_data") {
      this.#losses.refused(error, "the result; the operation ends as failed", "done");
      return { event: "failed", data: { error: { code, message, retryable: false } } };
    }
    const slot = slotOf(report);
    const isOutdated = slot !== undefined && later.some((other) => slotOf(other.report) === slot);
    const mayHelp = mayTakeLess(code) || error instanceof ForeignAnswer;
    const slimmer = mayHelp && !isOutdated ? slimmerReport(report) : undefined;
    const rest = slimmer === undefined ? "" : `; it is sent again without ${slimmer.leftOut}`;
    this.#losses.refused(error, `the event${rest}`, report.event);
    return slimmer?.slim;
  }

  get #hasLost(): boolean {
    return this.#losses.isAny || this.#outbox.hasDropped;
  }

  /**
   * Reports the start of the next attempt if the gateway gave up an operation whose work still runs. Returns
   * true if it did so.
   */
  #revives({ report }: Sent, error: MilepostError): boolean {
    if (error.code !== "not_possible_now") return false;
    if (report.event === "started") return this.#startsLater();
    if (!this.#wasSilent || !this.#startedIsStored || this.#endIsStored) return false;
    this.#wasSilent = false;
    this.#attempt++;
    this.#startedIsStored = false;
    this.#outbox.putFirst({ event: "started", data: { attempt: this.#attempt } });
    return true;
  }

  /** Begins a later attempt in place of one that has ended already, for work that was claimed. */
  #startsLater(): boolean {
    if (this.#options.claims !== true || this.#knownAttempt < this.#attempt) return false;
    this.#attempt = this.#knownAttempt + 1;
    this.#outbox.settle(1);
    this.#outbox.putFirst({ event: "started", data: { attempt: this.#attempt } });
    return true;
  }

  /**
   * Gives up a refused report that was sent alone, or sends it again with less in it. Otherwise halves the size of
   * the next batch, until the faulty report is sent alone.
   */
  #onRefusedBatch(batch: readonly Sent[], error: MilepostError): void {
    const [only] = batch;
    if (batch.length === 1 && only) {
      this.#suspicion.clear();
      const instead = this.#refused(only.report, error, []);
      if (instead !== undefined) this.#outbox.putFirst(instead);
      this.#batchLimit = maxBatchReports;
    } else this.#batchLimit = Math.ceil(batch.length / 2);
    this.#contact();
  }

  #onFailure(error: MilepostError): void {
    if (error.code === "stale_lease" && !this.#isDisputed && this.#options.isStillMine) {
      this.#lease = undefined;
      this.#acquireBy = "takeOver";
      this.#isDisputed = true;
      this.#urgent = true;
      return;
    }
    if (error.code === "stale_lease") {
      this.#stop("stale_lease", error.message);
      this.#onTakenOver(error);
      return;
    }
    const isClaiming = this.#options.claims === true && this.#acquireBy === "takeOver";
    const forgotten = error.code === "not_found" && (this.#lease !== undefined || isClaiming);
    if (forgotten && !this.#endIsStored) {
      this.#lease = undefined;
      this.#acquireBy = "create";
      this.#wasForgotten = this.#startedIsStored;
    } else if (!error.retryable && !(error instanceof ForeignAnswer)) {
      this.#stop(error.code, error.message);
      return;
    }
    if (this.#failures === 0) this.#tell(error.code, error.message, "retrying");
    this.#failures++;
    this.#retryAfterMs = error.retryAfterMs ?? 0;
  }

  #contact(): void {
    this.#failures = 0;
    this.#retryAfterMs = 0;
    const now = this.#options.clock.monotonic();
    if (this.#lease && now - this.#lastContactAt > this.#lease.ttl_ms) this.#wasSilent = true;
    this.#lastContactAt = now;
  }

  #timed<T>(invoke: (signal: AbortSignal) => Promise<T>, outer: AbortSignal): Promise<T> {
    return withDeadline(this.#options.clock, this.#callTimeoutMs(), invoke, outer);
  }

  #callTimeoutMs(): number {
    const { callTimeoutMs, closingFlushMs } = this.#options.timing;
    return this.#phase === "closing" ? Math.min(callTimeoutMs, closingFlushMs / 3) : callTimeoutMs;
  }

  #stop(code: ErrorCode, message: string): void {
    if (this.#phase === "stopped" || this.#phase === "closed") return;
    this.#phase = "stopped";
    this.#planned?.cancel();
    this.#planned = undefined;
    const call = this.#call;
    this.#call = undefined;
    call?.abort();
    this.#outbox.clear();
    for (const resolve of this.#confirmations.values()) resolve(false);
    this.#confirmations.clear();
    this.#tell(code, message, "stopped");
    this.#resolveCreated(false);
    this.#settleClosing(false);
  }

  #settleClosing(delivered: boolean): void {
    this.#closing?.cancel();
    this.#closing?.resolve(delivered);
    this.#closing = undefined;
  }

  #tell(code: ErrorCode, message: string, effect: Problem["effect"], event?: string): void {
    this.#options.onProblem({
      operationId: this.operationId,
      code,
      message,
      effect,
      ...(event === undefined ? {} : { event }),
    });
  }
}

function inputKey({ data }: Report & { readonly event: "input" }): string {
  return `${data.phase}:${data.input_id}`;
}

/** True if the gateway has forgotten the operation, and not merely the command or message that a report is about. */
function isForgotten({ report }: Sent, { code }: MilepostError): boolean {
  return code === "not_found" && report.event !== "command" && report.event !== "input";
}

function isEnd({ event }: Report): boolean {
  return event === "done" || event === "failed" || event === "cancelled";
}
