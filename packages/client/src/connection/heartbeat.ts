import type { Cancel, ClientClock } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";
import { Pace } from "./pace.ts";

/**
 * Time after a probe's ping within which any frame must arrive, in milliseconds; otherwise the connection
 * counts as dead.
 */
const probeMs = 5_000;
/**
 * Time after the first ping within which any frame must arrive, in milliseconds. A connection that carries nothing
 * after its welcome is found this soon.
 */
const firstAnswerMs = 10_000;

/** Effects of a heartbeat. */
export interface HeartbeatEvents {
  ping(id: number): void;
  onRoundTrip(rttMs: number): void;
  /**
   * Called when no frame arrived in time after a ping: the connection is half open, and the client closes it.
   */
  onDead(): void;
}

/**
 * Detects a half-open connection, one that looks open although the other end is gone.
 *
 * The heartbeat sends a ping every interval. If no frame arrives for a whole interval after a ping, it reports
 * the connection as dead; after the first ping, if none arrives for 10 seconds. Detection therefore takes at most two
 * intervals without frames. Browsers hide the gateway's own pings from the client, so the client must ping.
 *
 * A stream that was lively and falls silent is probed sooner, once per silence: after ten times its mean gap, and
 * after 3 seconds at the earliest.
 */
export class Heartbeat {
  readonly #clock: ClientClock;
  readonly #schedule: Schedule;
  readonly #events: HeartbeatEvents;
  #intervalMs = 0;
  #heard = true;
  #pings = 0;
  #pingedAt = 0;
  /** Time on the monotonic clock at which a frame must have arrived since the last ping. */
  #dueAt = 0;
  #cancel: Cancel | undefined;
  readonly #pace = new Pace();
  /** Next look at the silence since the last frame; at most one is planned. */
  #look: { readonly at: number; readonly cancel: Cancel } | undefined;

  constructor(clock: ClientClock, schedule: Schedule, events: HeartbeatEvents) {
    this.#clock = clock;
    this.#schedule = schedule;
    this.#events = events;
  }

  start(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.#ping(Math.min(firstAnswerMs, intervalMs));
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#look?.cancel();
    this.#look = undefined;
    this.#pace.forget();
  }

  /**
   * Sends a ping now and reports the connection as dead if no frame arrives within five seconds.
   *
   * A ping that still waits for a frame, and whose time ends earlier, keeps its time. Otherwise probes that follow
   * each other quickly would put off the end of a dead connection for ever.
   */
  probe(): void {
    if (this.#cancel === undefined) return;
    const waitMs = Math.min(probeMs, this.#intervalMs);
    if (this.#heard || this.#dueAt > this.#clock.monotonic() + waitMs) this.#ping(waitMs);
  }

  /** Records that a frame arrived. */
  heard(): void {
    this.#heard = true;
    this.#pace.frame(this.#clock.monotonic());
    this.#watchSilence();
  }

  pong(id: unknown): void {
    if (id === this.#pings) this.#events.onRoundTrip(this.#clock.monotonic() - this.#pingedAt);
  }

  /** Probes the connection when its frames have stopped for longer than usual, and plans the next look otherwise. */
  #watchSilence(): void {
    const { lastAt, usualSilenceMs } = this.#pace;
    // A silence that is usual for a whole interval is left to the regular ping.
    if (this.#cancel === undefined || usualSilenceMs >= this.#intervalMs) return;
    const at = lastAt + usualSilenceMs;
    if (this.#look !== undefined && this.#look.at <= at) return;
    this.#look?.cancel();
    const cancel = this.#schedule.after(at - this.#clock.monotonic(), () => this.#lookAtSilence());
    this.#look = { at, cancel };
  }

  #lookAtSilence(): void {
    this.#look = undefined;
    const { lastAt, usualSilenceMs } = this.#pace;
    // Less than a millisecond is left only by rounding: another timer for it might not move the time.
    if (lastAt + usualSilenceMs - this.#clock.monotonic() >= 1) this.#watchSilence();
    else {
      this.#pace.forget();
      this.probe();
    }
  }

  #ping(waitMs: number): void {
    this.#cancel?.();
    this.#heard = false;
    this.#pingedAt = this.#clock.monotonic();
    this.#dueAt = this.#pingedAt + waitMs;
    this.#events.ping(++this.#pings);
    this.#cancel = this.#schedule.after(waitMs, () => {
      if (!this.#heard) this.#events.onDead();
      else {
        // The next regular ping comes an interval after this one, so that a connection that dies after a probe is
        // found as soon as any other.
        const intervalMs = this.#intervalMs;
        this.#cancel = this.#schedule.after(intervalMs - waitMs, () => this.#ping(intervalMs));
      }
    });
  }
}
