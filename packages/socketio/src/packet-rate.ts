/** Limits of what one client sends, per second. */
export interface PacketLimits {
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
}

const burstSeconds = 2;
const patienceSeconds = 8;

/** Verdict on a packet: handle it, refuse it, or end its client. */
type PacketVerdict = "accept" | "refuse" | "end";

/**
 * Rate of one client's packets. A client may send the amount of two seconds at once. Packets above that are refused, and
 * a client that has sent eight seconds too much is ended.
 */
export class PacketRate {
  readonly #limits: PacketLimits;
  #messages: number;
  #bytes: number;
  #at: number;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(limits: PacketLimits, now: number) {
    this.#limits = limits;
    this.#messages = limits.messagesPerSecond * burstSeconds;
    this.#bytes = limits.bytesPerSecond * burstSeconds;
    this.#at = now;
  }

  /** Time of the latest packet, in milliseconds since 1970. */
  get at(): number {
    return this.#at;
  }

  /** True while packets are refused. */
  get isOver(): boolean {
    return this.#messages < 0 || this.#bytes < 0;
  }

  /** True if the client is to be told, at most once a second. */
  reports(now: number): boolean {
    if (now - this.#reportedAt < 1_000) return false;
    this.#reportedAt = now;
    return true;
  }

  take(bytes: number, now: number): PacketVerdict {
    const { messagesPerSecond, bytesPerSecond } = this.#limits;
    const seconds = Math.max(0, now - this.#at) / 1_000;
    this.#at = now;
    this.#messages =
      Math.min(messagesPerSecond * burstSeconds, this.#messages + seconds * messagesPerSecond) - 1;
    this.#bytes =
      Math.min(bytesPerSecond * burstSeconds, this.#bytes + seconds * bytesPerSecond) - bytes;
    const ahead = Math.max(-this.#messages / messagesPerSecond, -this.#bytes / bytesPerSecond);
    if (ahead <= 0) return "accept";
    return ahead > patienceSeconds ? "end" : "refuse";
  }
}
