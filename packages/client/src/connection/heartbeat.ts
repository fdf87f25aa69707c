import type { Cancel, ClientClock } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";

/** How long a connection may take to show life when there is reason to doubt it. */
const probeMs = 5_000;

/** What a heartbeat does and tells. */
export interface HeartbeatEvents {
  ping(id: number): void;
  onRoundTrip(rttMs: number): void;
  /** The other end has not answered: the connection only looks open. */
  onDead(): void;
}

/**
 * Finds out that a connection is half open.
 *
 * A ping every interval; nothing at all for a whole interval after one means that nobody is there, which is
 * noticed within two intervals of silence. Browsers hide the service's own pings, so the client must ask.
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

  /** Asks for a sign of life now, and waits for it a short while only. */
  probe(): void {
    if (this.#cancel !== undefined) this.#ping(Math.min(probeMs, this.#intervalMs));
  }

  /** Something came in. */
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
