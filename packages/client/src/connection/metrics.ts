import type { ClientClock } from "../runtime/clock.ts";
import type { TransportName } from "../transport/transport.ts";

/** How good the connection is, for a light. */
export type ConnectionQuality = "good" | "fair" | "poor" | "none";

/** What was counted since the client was made. */
export interface ConnectionMetrics {
  /** How messages travel; undefined while there is no connection. */
  readonly transport: TransportName | undefined;
  readonly connects: number;
  readonly reconnects: number;
  readonly messagesIn: number;
  /** UTF-16 units of all frames; bytes, where they are ASCII. */
  readonly bytesIn: number;
  /** Over the last ten seconds. */
  readonly messagesPerSecond: number;
  /** From ping to pong, the last measured; undefined before the first. */
  readonly rttMs: number | undefined;
  readonly quality: ConnectionQuality;
  /** When the last message came, in milliseconds since 1970. */
  readonly lastMessageAt: number | undefined;
}

const windowSeconds = 10;
const goodRttMs = 150;
const fairRttMs = 500;

/** Counts what comes in. */
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

  /** The numbers as they are; the same object as before when none differs. */
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

  /** Empties the slots of the seconds that have passed since the last look. */
  #turn(): void {
    const second = Math.floor(this.#clock.monotonic() / 1_000);
    for (let i = Math.max(this.#second + 1, second - windowSeconds + 1); i <= second; i++) {
      this.#perSecond[i % windowSeconds] = 0;
    }
    this.#second = second;
  }
}
