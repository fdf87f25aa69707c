import type { Encoder, Transport, TransportEvents } from "@milepost/core";
import type { Cancel, Clock, ConsumerKind } from "@milepost/engine";
import type { TextDialectName } from "@milepost/protocol";
import { type PollItem, pollEncoders, readPollItems } from "./encoders.ts";

/**
 * Batch size, in bytes, from which a poll does not wait for channels that have yet to start. They start in the
 * next batch.
 */
const fullBytes = 256 * 1_024;

/** Conditions under which a poll waits and answers. */
export interface PollTerms {
  readonly clock: Clock;
  /**
   * Number of channels that the poll requests. Unless its batch is full, it waits until each has started or was
   * refused.
   */
  readonly channels: number;
  readonly waitMs: number;
  readonly consumer: ConsumerKind;
  /**
   * Cursor that the client sent. The end of a channel does not make the poll answer when this cursor already
   * has the end's position.
   */
  readonly since?: string;
}

/** Result of a poll. */
export interface PollOutcome {
  /** Messages of the batch, in order. */
  readonly items: readonly PollItem[];
  /** True when there is something to answer: a started or refused channel, news, or the end of a channel. */
  readonly hasNews: boolean;
  /** Close code from the core; undefined when the poll ended without one. */
  readonly closeCode: number | undefined;
}

/**
 * The core's transport of a long-poll: a connection that lives for one batch.
 *
 * The poll ends once every channel has started or was refused, and there is something to answer or the wait is
 * over. Entries that the core has not yet delivered are not lost: the client's cursor does not cover them.
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

  /** Sets the receiver of the transport's events. A poll that has already ended reports its close at once. */
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
    // Messages that belong together may come in several writes, so the check waits until the current call ends.
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

  /** Ends the poll early: its client no longer waits for the answer. */
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
    // The close event must not fire within a call of the core, which may be writing to other connections.
    if (events !== undefined) queueMicrotask(() => events.onClose());
  }
}
