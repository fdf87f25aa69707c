import type { Cancel, ClientClock } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";

/**
 * Time after a probe's ping within which any frame must arrive, in milliseconds; otherwise the connection
 * counts as dead.
 */
const probeMs = 5_000;

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
 * the connection as dead. Detection therefore takes at most two intervals without frames. Browsers hide the
 * gateway's own pings from the client, so the client must ping.
 */
export class Heartbeat {
  readonly #clock: ClientClock;
  readonly #schedule: Schedule;
  readonly #events: HeartbeatEvents;
  #intervalMs = 0;
  #heard = true;
  #pings = 0;
  #pingedAt = 0;
  #cancel: Cancel | undefined;

  constructor(clock: ClientClock, schedule: Schedule, events: HeartbeatEvents) {
    this.#clock = clock;
    this.#schedule = schedule;
    this.#events = events;
  }

  start(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.#ping(intervalMs);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Sends a ping now and reports the connection as dead if no frame arrives within five seconds. */
  probe(): void {
    if (this.#cancel !== undefined) this.#ping(Math.min(probeMs, this.#intervalMs));
  }

  /** Records that a frame arrived. */
  heard(): void {
    this.#heard = true;
  }

  pong(id: unknown): void {
    if (id === this.#pings) this.#events.onRoundTrip(this.#clock.monotonic() - this.#pingedAt);
  }

  #ping(waitMs: number): void {
    this.#cancel?.();
    this.#heard = false;
    this.#pingedAt = this.#clock.monotonic();
    this.#events.ping(++this.#pings);
    this.#cancel = this.#schedule.after(waitMs, () => {
      if (!this.#heard) this.#events.onDead();
      else if (waitMs === this.#intervalMs) this.#ping(waitMs);
      else
        this.#cancel = this.#schedule.after(this.#intervalMs, () => this.#ping(this.#intervalMs));
    });
  }
}
