import type { Encoder, Transport, TransportEvents } from "@milepost/core";
import type { Cancel, Clock, ConsumerKind } from "@milepost/engine";
import type { TextDialectName } from "@milepost/protocol";
import { type PollItem, pollEncoders, readPollItems } from "./encoders.ts";

/** A batch this large does not wait for channels that have yet to start: they start in the next one. */
const fullBytes = 256 * 1_024;

/** How a poll waits. */
export interface PollTerms {
  readonly clock: Clock;
  /** How many channels must have started, or failed to, before it may answer. */
  readonly channels: number;
  readonly waitMs: number;
  readonly consumer: ConsumerKind;
  /** The cursor that the reader came with: an end that it holds is no news. */
  readonly since?: string;
}

/** What a poll came to. */
export interface PollOutcome {
  /** Everything that came, in order. */
  readonly items: readonly PollItem[];
  /** Whether there is more than channels that go on where their reader is. */
  readonly hasNews: boolean;
  /** Why the core ended it; undefined when it ended by itself. */
  readonly closeCode: number | undefined;
}

/**
 * A connection that lives for one batch: the core's transport of a long-poll.
 *
 * It ends once every channel has started and there is news, or the wait is over. What the core still had
 * for it is not lost: the reader's cursor does not cover it.
 */
export class Poll implements Transport {
  readonly encoder: Encoder;
  readonly consumer: ConsumerKind;
  readonly outcome: Promise<PollOutcome>;
  readonly #terms: PollTerms;
  readonly #items: PollItem[] = [];
  readonly #cancelWait: Cancel;
  #resolve: (outcome: PollOutcome) => void = () => {};
  #events: TransportEvents | undefined;
  #settled = 0;
  #bytes = 0;
  #hasNews = false;
  #waited: boolean;
  #checks = false;
  #ended = false;

  constructor(dialect: TextDialectName, terms: PollTerms) {
    this.encoder = pollEncoders[dialect];
    this.consumer = terms.consumer;
    this.#terms = terms;
    this.#waited = terms.waitMs === 0;
    this.outcome = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#cancelWait = terms.clock.after(terms.waitMs, () => {
      this.#waited = true;
      this.#check();
    });
  }

  /** Sets who is told when it ends. */
  attach(events: TransportEvents): void {
    if (this.#ended) events.onClose();
    else this.#events = events;
  }

  write(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#bytes += bytes.byteLength;
    for (const item of readPollItems(bytes)) {
      if (item.kind === "end" && this.#holds(item)) continue;
      this.#items.push(item);
      switch (item.kind) {
        case "continued":
          this.#settled++;
          break;
        case "started":
        case "refused":
          this.#settled++;
          this.#hasNews = true;
          break;
        case "news":
        case "end":
          this.#hasNews = true;
          break;
      }
    }
    // What was handed over in one go may come in several writes, and belongs together.
    if (this.#checks) return;
    this.#checks = true;
    queueMicrotask(() => {
      this.#checks = false;
      this.#check();
    });
  }

  get bufferedBytes(): number {
    return 0;
  }

  close(code: number): void {
    this.#end(code);
  }

  terminate(): void {
    this.#end(undefined);
  }

  ping(): void {
    this.#events?.onAlive();
  }

  /** Nobody waits for the answer any more. */
  giveUp(): void {
    this.#end(undefined);
  }

  #holds({ json }: PollItem): boolean {
    const { since } = this.#terms;
    if (since === undefined) return false;
    const { channel, position } = JSON.parse(json) as Record<"channel" | "position", string>;
    return since.split(",").includes(`${channel}@${position}`);
  }

  #check(): void {
    const { channels } = this.#terms;
    if (this.#settled < channels && this.#bytes < fullBytes) return;
    if (this.#hasNews || this.#waited || channels === 0) this.#end(undefined);
  }

  #end(closeCode: number | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelWait();
    this.#resolve({ items: this.#items, hasNews: this.#hasNews, closeCode });
    const events = this.#events;
    this.#events = undefined;
    // Not within a call of the core's: it may be handing bytes to others.
    if (events !== undefined) queueMicrotask(() => events.onClose());
  }
}
