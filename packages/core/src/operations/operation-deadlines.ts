import type { Clock } from "@milepost/engine";
import {
  isFinal,
  isSettled,
  type OperationCommand,
  type OperationEvent,
  type OperationState,
} from "@milepost/model";
import { Deadline } from "../runtime/timer-wheel.ts";
import { isQueued } from "./is-queued.ts";

/** Number of lease lengths that a producer may be silent before its operation is lost. */
const lostAfterLeases = 10;
/** Longest silence that a beat may announce, in milliseconds. */
const maxPatienceMs = 3_600_000;

/**
 * Timeouts of commands, in milliseconds: from the request to the acknowledgement, and from there to the end.
 */
export interface CommandTimeouts {
  readonly commandAckMs: number;
  readonly commandDoneMs: number;
}

/** Renewal of a producer's lease. */
export interface Renewal {
  /** Monotonic time of the renewal, in milliseconds. */
  readonly at: number;
  /** Time that the producer may now be silent, in milliseconds. */
  readonly leaseMs: number;
  /**
   * Expiry of the lease, in milliseconds since 1970; undefined where there is no lease. Two different renewals
   * have different expiries.
   */
  readonly expiresAt: number | undefined;
  /** Fence of the lease; 0 where there is no lease. */
  readonly fence: number;
}

interface WatchedCommand {
  readonly phase: OperationCommand["phase"];
  readonly since: number;
}

/**
 * Deadlines of one operation that a node watches: the expiry of its producer's lease, and the timeouts of its
 * commands.
 *
 * All of them share one timer on the node's timer wheel. Times are monotonic.
 */
export class OperationDeadlines extends Deadline {
  readonly operationId: string;
  /** Name of the API key that created the operation. */
  readonly service: string;
  /** Number of consecutive failures to publish the overdue events. */
  failures = 0;
  /** Id of the dead letter that records the failures to publish overdue events. */
  deadLetterId: string | undefined;
  readonly #onDue: (deadlines: OperationDeadlines) => void;
  readonly #timeouts: CommandTimeouts;
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  #leaseMs: number;
  #renewedAt: number;
  #expiresAt: number | undefined;
  #fence: number;
  readonly #commands = new Map<string, WatchedCommand>();

  constructor(
    operationId: string,
    service: string,
    { at, leaseMs, expiresAt, fence }: Renewal,
    timeouts: CommandTimeouts,
    clock: Pick<Clock, "now" | "monotonic">,
    onDue: (deadlines: OperationDeadlines) => void,
  ) {
    super();
    this.operationId = operationId;
    this.service = service;
    this.#leaseMs = leaseMs;
    this.#renewedAt = at;
    this.#expiresAt = expiresAt;
    this.#fence = fence;
    this.#timeouts = timeouts;
    this.#clock = clock;
    this.#onDue = onDue;
  }

  override onDue(): void {
    this.#onDue(this);
  }

  /** Fence of the latest lease that is known here; 0 where there is none. */
  get fence(): number {
    return this.#fence;
  }

  /** Records a renewal of the producer's lease. */
  renewed({ at, leaseMs, expiresAt, fence }: Renewal): void {
    this.#renewedAt = Math.max(this.#renewedAt, at);
    this.#fence = fence;
    this.#leaseMs = leaseMs;
    this.#expiresAt = expiresAt;
  }

  /**
   * Records a renewal read from the lease, which another node may have made. A renewal that is already known is
   * ignored.
   */
  renewedElsewhere(renewal: Renewal): void {
    if (renewal.expiresAt !== this.#expiresAt) this.renewed(renewal);
  }

  /**
   * Records the commands of a state that this node has not brought about. A command that was unknown here may
   * have waited at another node, so its timeout counts from the time that the log gives its phase.
   */
  found(state: OperationState): void {
    const now = this.#clock.monotonic();
    const wallNow = this.#clock.now();
    this.#observeCommands(
      state.commands,
      ({ updated_at }) => now - Math.max(0, wallNow - updated_at),
    );
  }

  /**
   * Records the commands of a state that this node has just brought about. Returns the time until the next
   * deadline, in milliseconds and possibly negative; undefined when there is none.
   */
  observe(state: OperationState): number | undefined {
    const now = this.#clock.monotonic();
    this.#observeCommands(state.commands, () => now);
    let due = Number.POSITIVE_INFINITY;
    for (const { phase, since } of this.#commands.values()) {
      due = Math.min(due, since + this.#timeoutOf(phase));
    }
    if (!isFinal(state.status) && !isQueued(state)) {
      const silentUntil =
        this.#expectedBy(state) +
        (state.status === "stalled" ? (lostAfterLeases - 1) * this.#leaseMs : 0);
      due = Math.min(due, silentUntil);
    }
    const slowAt = slowAfter(state);
    if (slowAt !== undefined) due = Math.min(due, now + slowAt - this.#clock.now());
    return due === Number.POSITIVE_INFINITY ? undefined : due - now;
  }

  /** True if an operation takes longer than its latest estimate said, so that it needs a new one now. */
  isSlow(state: OperationState): boolean {
    const slowAt = slowAfter(state);
    return slowAt !== undefined && this.#clock.now() >= slowAt;
  }

  /** Returns the next event that must be published now; undefined when nothing is overdue. */
  overdue(state: OperationState): OperationEvent | undefined {
    this.found(state);
    const now = this.#clock.monotonic();
    for (const { id, command, phase } of state.commands) {
      const watched = this.#commands.get(id);
      if (watched !== undefined && now - watched.since >= this.#timeoutOf(phase)) {
        return { event: "command", data: { command_id: id, command, phase: "timed_out" } };
      }
    }
    // While it waits in a queue of the gateway, nobody has to report on it.
    if (isFinal(state.status) || isQueued(state)) return undefined;
    const silent_ms = Math.round(now - this.#renewedAt);
    if (state.status !== "stalled") {
      return now >= this.#expectedBy(state) ? { event: "stalled", data: { silent_ms } } : undefined;
    }
    const givenUp = now >= this.#expectedBy(state) + (lostAfterLeases - 1) * this.#leaseMs;
    return givenUp ? { event: "lost", data: { silent_ms } } : undefined;
  }

  /** Returns the time by which the producer must report: the end of its lease, or later where its beat says so. */
  #expectedBy({ busy }: OperationState): number {
    const leaseEnd = this.#renewedAt + this.#leaseMs;
    if (busy?.until === undefined) return leaseEnd;
    const until = this.#clock.monotonic() + busy.until - this.#clock.now();
    return Math.max(leaseEnd, Math.min(until, this.#renewedAt + maxPatienceMs));
  }

  #observeCommands(
    commands: readonly OperationCommand[],
    sinceOf: (command: OperationCommand) => number,
  ): void {
    const unsettled = commands.filter(({ phase }) => !isSettled(phase));
    for (const id of [...this.#commands.keys()]) {
      if (!unsettled.some((command) => command.id === id)) this.#commands.delete(id);
    }
    for (const command of unsettled) {
      const { id, phase } = command;
      if (this.#commands.get(id)?.phase !== phase) {
        this.#commands.set(id, { phase, since: sinceOf(command) });
      }
    }
  }

  #timeoutOf(phase: OperationCommand["phase"]): number {
    return phase === "requested" ? this.#timeouts.commandAckMs : this.#timeouts.commandDoneMs;
  }
}

/** Returns the time after which a running operation takes longer than its estimate said, in milliseconds since 1970. */
function slowAfter({ status, estimate }: OperationState): number | undefined {
  if (status !== "running" || estimate?.remaining === undefined) return undefined;
  return estimate.at + estimate.remaining.p90_ms;
}
