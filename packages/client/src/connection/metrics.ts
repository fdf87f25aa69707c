import type { ClientClock } from "../runtime/clock.ts";
import type { TransportName } from "../transport/transport.ts";

/**
 * Quality of the connection by its last round trip: `good` up to 150 ms, `fair` up to 500 ms or before the
 * first measurement, `poor` above, `none` without a connection.
 */
export type ConnectionQuality = "good" | "fair" | "poor" | "none";

/** Counters and measurements of a client since it was created. */
export interface ConnectionMetrics {
  /** Transport that carries the messages; undefined while there is no connection. */
  readonly transport: TransportName | undefined;
  readonly connects: number;
  readonly reconnects: number;
  readonly messagesIn: number;
  /**
   * Size of all received frames: UTF-16 code units of text frames (bytes, if they are ASCII), bytes of binary
   * ones.
   */
  readonly bytesIn: number;
  /** Messages received per second, averaged over the last ten seconds. */
  readonly messagesPerSecond: number;
  /**
   * Last measured time from ping to pong, in milliseconds; undefined before the first measurement of a
   * connection.
   */
  readonly rttMs: number | undefined;
  readonly quality: ConnectionQuality;
  /** Time when the last frame arrived, in milliseconds since 1970; undefined before the first. */
  readonly lastMessageAt: number | undefined;
}

const windowSeconds = 10;
const goodRttMs = 150;
const fairRttMs = 500;

/** Counts received frames and messages, and records connects and round trips. */
export class MetricsRecorder {
  readonly #clock: ClientClock;
  readonly #perSecond = new Array<number>(windowSeconds).fill(0);
  #second = 0;
  #transport: TransportName | undefined;
  #connects = 0;
  #messagesIn = 0;
  #bytesIn = 0;
  #rttMs: number | undefined;
  #lastMessageAt: number | undefined;
  #metrics: ConnectionMetrics | undefined;

  constructor(clock: ClientClock) {
    this.#clock = clock;
  }

  frame(length: number, messages: number): void {
    this.#turn();
    this.#messagesIn += messages;
    this.#bytesIn += length;
    const slot = this.#second % windowSeconds;
    this.#perSecond[slot] = (this.#perSecond[slot] ?? 0) + messages;
    this.#lastMessageAt = this.#clock.now();
  }

  connected(transport: TransportName): void {
    this.#transport = transport;
    this.#connects++;
  }

  disconnected(): void {
    this.#transport = undefined;
    this.#rttMs = undefined;
  }

  roundTrip(rttMs: number): void {
    this.#rttMs = rttMs;
  }

  /** Returns the current metrics; the same object as before when no value differs. */
  read(): ConnectionMetrics {
    this.#turn();
    const next: ConnectionMetrics = {
      transport: this.#transport,
      connects: this.#connects,
      reconnects: Math.max(0, this.#connects - 1),
      messagesIn: this.#messagesIn,
      bytesIn: this.#bytesIn,
      messagesPerSecond: this.#perSecond.reduce((sum, count) => sum + count, 0) / windowSeconds,
      rttMs: this.#rttMs,
      quality: this.#quality(),
      lastMessageAt: this.#lastMessageAt,
    };
    const last = this.#metrics;
    const same =
      last !== undefined &&
      (Object.keys(next) as (keyof ConnectionMetrics)[]).every((key) => last[key] === next[key]);
    if (!same) this.#metrics = next;
    return same ? last : next;
  }

  #quality(): ConnectionQuality {
    if (this.#transport === undefined) return "none";
    const rttMs = this.#rttMs;
    if (rttMs === undefined) return "fair";
    return rttMs <= goodRttMs ? "good" : rttMs <= fairRttMs ? "fair" : "poor";
  }

  /**
   * Moves the window of message counts to the current second: clears the counts of the seconds that have passed
   * since the last call.
   */
  #turn(): void {
    const second = Math.floor(this.#clock.monotonic() / 1_000);
    for (let i = Math.max(this.#second + 1, second - windowSeconds + 1); i <= second; i++) {
      this.#perSecond[i % windowSeconds] = 0;
    }
    this.#second = second;
  }
}
