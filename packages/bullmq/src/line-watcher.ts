import type { PendingCommand, ProducerGateway } from "@milepost/model";
import type { DrivenOperation, Producer, WorkSpec } from "@milepost/producer";
import { type ConnectionOptions, type Job, type Queue, QueueEvents } from "bullmq";
import { EndedJobs } from "./ended-jobs.ts";
import { every } from "./every.ts";
import { cancelReasonOf, JobCommands } from "./job-commands.ts";
import { Leadership } from "./leadership.ts";
import type { Parents } from "./parents.ts";
import { isNews, Pace, type Place, type ToldPlace } from "./places.ts";

/** Intervals of a {@link LineWatcher}, in milliseconds. */
export interface WatchTiming {
  /** Time after which another process takes over from a leader that has died. */
  readonly leaderMs: number;
  /** Interval at which what no event told is looked up. */
  readonly sweepMs: number;
  /** Shortest interval between two looks at the line. */
  readonly placesMs: number;
  /** Time that a worker has to report the end of its job, before the leader does. */
  readonly endMs: number;
}

/** Parts that {@link LineWatcher} needs. */
export interface LineWatcherParts {
  readonly id: string;
  readonly queue: Queue;
  readonly connection: ConnectionOptions;
  readonly prefix: string;
  readonly producer: Producer;
  readonly gateway: ProducerGateway;
  readonly parents: Parents;
  readonly describe: (job: Job) => (WorkSpec & { readonly operationId: string }) | undefined;
  readonly runsHere: (jobId: string) => boolean;
  /** Jobs that are shown at the same time while they wait. */
  readonly maxWaiting: number;
  readonly timing: WatchTiming;
  readonly onError: (error: unknown) => void;
}

/** Fields of an event that are read here. */
interface JobEvent {
  readonly jobId: string;
  readonly returnvalue?: unknown;
  readonly failedReason?: string;
}

/** An operation whose job no worker runs: this process reports on it. */
interface Held {
  readonly driven: DrivenOperation;
  readonly operationId: string;
  /** True for a job that waits for its children, whose operation runs as they do. */
  readonly isParent: boolean;
  told: ToldPlace | undefined;
}

/** Lease of an operation that waits, in milliseconds. It is long because thousands may wait. */
const waitingLeaseMs = 600_000;
const parentLeaseMs = 60_000;
const maxDirty = 10_000;

/** Events after which the line, or the operation of a job, may have changed. */
const events = [
  "added",
  "waiting",
  "active",
  "completed",
  "failed",
  "delayed",
  "removed",
  "stalled",
  "waiting-children",
] as const;

/**
 * Reports on the jobs of a queue that no worker runs: those that wait, are delayed or wait for their children, and the ends
 * that no worker reported. Of all processes that watch a queue, one leads and does it.
 *
 * Each event only says that a job may have changed. What is reported follows from the job as it is in Redis, so events that
 * come twice, late or not at all do no harm.
 */
export class LineWatcher {
  readonly #parts: LineWatcherParts;
  readonly #leadership: Leadership;
  readonly #held = new Map<string, Held>();
  readonly #dirty = new Set<string>();
  readonly #ended: EndedJobs;
  readonly #commands: JobCommands;
  readonly #pace = new Pace();
  readonly #timers: readonly NodeJS.Timeout[];
  #events: QueueEvents | undefined;
  #cursor = "";
  #isLineDirty = false;
  #lookedAt = 0;
  #turn: Promise<void> | undefined;
  #planned: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(parts: LineWatcherParts) {
    const { queue, id, timing, gateway, onError, runsHere } = parts;
    this.#parts = parts;
    this.#leadership = new Leadership(queue, id, timing.leaderMs);
    this.#ended = new EndedJobs({ ...parts, endMs: timing.endMs });
    this.#commands = new JobCommands({
      queue,
      gateway,
      runsHere,
      onError,
      changed: (jobId) => this.#changed(jobId),
    });
    void this.#lead();
    this.#timers = [
      every(Math.ceil(timing.leaderMs / 3), () => this.#lead()),
      every(timing.sweepMs, () => this.#sweep()),
    ];
  }

  get isLeading(): boolean {
    return this.#events !== undefined;
  }

  /** Carries out a command to a job that no worker of this process runs. */
  command(command: PendingCommand): void {
    if (this.isLeading) void this.#commands.run(command);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#planned);
    const led = this.isLeading;
    await this.#follow();
    await this.#turn;
    if (led) await this.#leadership.resign().catch(this.#parts.onError);
  }

  async #lead(): Promise<void> {
    try {
      const cursor = await this.#leadership.hold(this.isLeading ? this.#cursor : "");
      if (cursor === undefined || this.#isClosed) await this.#follow();
      else if (!this.isLeading) await this.#begin(cursor);
    } catch (error) {
      // Without Redis nobody leads; the leadership ends by itself, and whoever comes first takes it again.
      this.#parts.onError(error);
    }
  }

  async #begin(cursor: string): Promise<void> {
    const { queue, connection, prefix, onError } = this.#parts;
    const from = cursor === "" ? {} : { lastEventId: cursor };
    const source = new QueueEvents(queue.name, { connection, prefix, autorun: false, ...from });
    source.on("error", onError);
    for (const event of events) {
      source.on(event, (args: JobEvent, id: string) => {
        this.#cursor = id;
        if (event === "completed" || event === "failed") {
          this.#pace.ended(Date.now());
          this.#ended.told(args.jobId, event, args.returnvalue ?? args.failedReason);
        }
        this.#changed(args.jobId);
      });
    }
    this.#events = source;
    void source.run().catch(onError);
    this.#isLineDirty = true;
    this.#plan();
    for (const id of await this.#resting("active")) this.#changed(id);
  }

  /** Ends the leadership of this process, if it leads, and lets go of all operations. */
  async #follow(): Promise<void> {
    const source = this.#events;
    if (source === undefined) return;
    this.#events = undefined;
    this.#dirty.clear();
    this.#ended.clear();
    const released = [...this.#held.keys()].map((jobId) => this.#release(jobId));
    await source.close().catch(this.#parts.onError);
    await Promise.all(released);
  }

  /** Ids of the jobs that no worker runs and that are in no line, as many as are shown. */
  #resting(...more: "active"[]): Promise<readonly string[]> {
    const { queue, maxWaiting } = this.#parts;
    return queue.getRanges(["delayed", "waiting-children", ...more], 0, maxWaiting - 1, true);
  }

  #changed(jobId: string): void {
    if (this.#dirty.size < maxDirty) this.#dirty.add(jobId);
    this.#isLineDirty = true;
    this.#plan();
  }

  #plan(): void {
    if (this.#planned !== undefined || this.#turn !== undefined || !this.isLeading) return;
    this.#planned = setTimeout(() => {
      this.#planned = undefined;
      this.#turn = this.#run().finally(() => {
        this.#turn = undefined;
        if (this.#dirty.size > 0 || this.#isLineDirty) this.#plan();
      });
    }, this.#parts.timing.placesMs);
    this.#planned.unref();
  }

  async #run(): Promise<void> {
    try {
      for (const jobId of [...this.#dirty].slice(0, 200)) {
        if (!this.isLeading) return;
        this.#dirty.delete(jobId);
        await this.#settle(jobId);
      }
      if (this.#isLineDirty && Date.now() - this.#lookedAt >= this.#parts.timing.placesMs) {
        this.#isLineDirty = false;
        this.#lookedAt = Date.now();
        await this.#tellPlaces();
      }
    } catch (error) {
      // The next sweep looks at everything again.
      this.#parts.onError(error);
      this.#isLineDirty = false;
    }
  }

  async #sweep(): Promise<void> {
    if (!this.isLeading) return;
    for (const jobId of await this.#resting().catch(() => [])) this.#changed(jobId);
    for (const [jobId, { isParent, driven }] of this.#held) {
      this.#changed(jobId);
      if (!isParent) continue;
      const reason = await cancelReasonOf(this.#parts.queue, jobId).catch(() => undefined);
      if (reason !== undefined) driven.abort(reason);
    }
    this.#isLineDirty = true;
    this.#plan();
    await this.#ended.sweep().catch(this.#parts.onError);
    await this.#commands.sweep().catch(this.#parts.onError);
  }

  /** Makes the operation of a job what the job is. */
  async #settle(jobId: string): Promise<void> {
    const { queue, describe, runsHere } = this.#parts;
    const job = await queue.getJob(jobId);
    if (job === undefined) {
      this.#ended.removed(jobId);
      await this.#release(jobId);
      return;
    }
    const spec = describe(job);
    if (spec === undefined) return;
    const state = await job.getState();
    if (state === "active" || runsHere(jobId)) {
      this.#ended.runs(jobId, spec);
      await this.#release(jobId);
    } else if (state === "completed" || state === "failed") {
      this.#ended.ended(jobId, spec, job, state);
      await this.#release(jobId);
    } else if (state === "delayed") {
      const held = await this.#hold(job, spec, false);
      // After a failed attempt the delay counts from its end, otherwise from when the job was added.
      const begins = job.attemptsMade > 0 ? job.delay : job.timestamp + job.delay - Date.now();
      const delayMs = Math.max(0, begins);
      this.#tell(held, { position: 0, total: 0, estimated_wait_ms: delayMs });
    } else if (state === "waiting-children") await this.#hold(job, spec, true);
    else if (state !== "unknown") await this.#hold(job, spec, false);
  }

  /** Tells the jobs in the line their places. */
  async #tellPlaces(): Promise<void> {
    const { queue, maxWaiting } = this.#parts;
    const [ids, counts, isPaused] = await Promise.all([
      queue.getRanges(["wait", "prioritized"], 0, maxWaiting - 1, true),
      queue.getJobCounts("wait", "prioritized"),
      queue.isPaused(),
    ]);
    const total = Object.values(counts).reduce((sum, each) => sum + each, 0);
    let position = 0;
    for (const jobId of ids.slice(0, maxWaiting)) {
      if (!this.isLeading) return;
      position++;
      const held = this.#held.get(jobId);
      if (held === undefined) {
        if (this.#held.size < maxWaiting) await this.#settle(jobId);
        else continue;
      }
      const now = this.#held.get(jobId);
      const wait = isPaused ? undefined : this.#pace.waitMs(position);
      this.#tell(now, {
        position,
        total: Math.max(total, position),
        ...(wait === undefined ? {} : { estimated_wait_ms: wait }),
      });
    }
  }

  #tell(held: Held | undefined, place: Place): void {
    if (held === undefined || held.isParent) return;
    const now = Date.now();
    if (!isNews(place, held.told, now)) return;
    held.told = { place, at: now };
    held.driven.waiting(place);
  }

  /** Reports on a job from now on, until a worker runs it. */
  async #hold(
    job: Job,
    spec: WorkSpec & { readonly operationId: string },
    isParent: boolean,
  ): Promise<Held | undefined> {
    const { producer, parents, maxWaiting } = this.#parts;
    const jobId = job.id ?? "";
    const known = this.#held.get(jobId);
    if (known?.isParent === isParent) return known;
    if (known !== undefined) await this.#release(jobId);
    if (this.#held.size >= maxWaiting || !this.isLeading) return undefined;
    const { operationId } = spec;
    // A job that has run before may have ended for people: then it waits as the next attempt.
    if (job.attemptsStarted > 0) {
      parents.remember(operationId, job);
      await this.#commands.reopen(spec, job).finally(() => parents.forget(operationId));
      // Another process may lead by now.
      if (!this.isLeading) return undefined;
    }
    parents.remember(operationId, job);
    const leaseMs = isParent ? parentLeaseMs : waitingLeaseMs;
    const driven = producer.drive({ ...spec, leaseMs });
    const held: Held = { driven, operationId, isParent, told: undefined };
    this.#held.set(jobId, held);
    this.#ended.runs(jobId, spec);
    if (isParent) this.#watchParent(job, driven);
    void driven.created.then(() => parents.forget(operationId));
    return held;
  }

  #watchParent(job: Job, driven: DrivenOperation): void {
    const operation = driven.start(Math.max(1, job.attemptsStarted));
    operation.beat("waits for its children");
    operation.pausable({
      pause() {
        throw new Error("a job that waits for its children cannot be paused");
      },
      resume() {},
    });
    const cancel = () => {
      const { code, message } = operation.signal.reason as { code: string; message: string };
      if (code === "cancelled")
        this.#commands.cancelFlow(job, message, (error) => driven.fail(error));
    };
    operation.signal.addEventListener("abort", cancel, { once: true });
  }

  async #release(jobId: string): Promise<void> {
    const held = this.#held.get(jobId);
    if (held === undefined) return;
    this.#held.delete(jobId);
    this.#parts.parents.forget(held.operationId);
    await held.driven.release();
  }
}
