import { MilepostError } from "@milepost/protocol";
import { mergeUpdates } from "yjs";
import type { DocumentClient } from "./document-client.ts";
import { updateData, updateEvent } from "./update-text.ts";

const firstRetryMs = 1_000;
const maxRetryMs = 30_000;
const mergeAfter = 100;

/** Events that an {@link Outbox} tells its document. */
export interface OutboxEvents {
  /** Called when all edits are stored, or no longer all of them. */
  onSaved(isSaved: boolean): void;
  /** Called when the gateway refuses an edit for a reason that a later attempt does not change. */
  onRefused(error: MilepostError): void;
}

/** Options of an {@link Outbox}. */
export interface OutboxOptions {
  readonly client: DocumentClient;
  readonly channel: string;
  readonly batchMs: number;
  readonly newId: () => string;
  readonly events: OutboxEvents;
}

/**
 * Edits of this page that the gateway has not stored yet.
 *
 * They are merged and published one batch after the other, and kept until the gateway has answered. An edit that was stored
 * although its answer was lost may be published again, which changes nothing: Yjs recognises it.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #pending: Uint8Array[] = [];
  #isOpen = false;
  #isSending = false;
  #isRefused = false;
  #retryMs = firstRetryMs;
  #cancel: (() => void) | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** True when the gateway has stored every edit. */
  get isSaved(): boolean {
    return this.#pending.length === 0 && !this.#isSending;
  }

  add(update: Uint8Array): void {
    const wasSaved = this.isSaved;
    this.#pending.push(update);
    if (this.#pending.length >= mergeAfter) this.#pending = [mergeUpdates(this.#pending)];
    if (wasSaved) this.#options.events.onSaved(false);
    this.#sendLater(this.#options.batchMs);
  }

  /** Begins to send, also what was refused before. */
  open(): void {
    this.#isOpen = true;
    this.#isRefused = false;
    if (this.#pending.length > 0) this.#sendLater(0);
  }

  /** Stops sending; edits are kept. */
  close(): void {
    this.#isOpen = false;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #sendLater(ms: number): void {
    if (!this.#isOpen || this.#isSending || this.#isRefused || this.#cancel !== undefined) return;
    this.#cancel = this.#options.client.clock.after(ms, () => {
      this.#cancel = undefined;
      void this.#send();
    });
  }

  async #send(): Promise<void> {
    const { client, channel, newId, events } = this.#options;
    const update = mergeUpdates(this.#pending);
    this.#pending = [];
    this.#isSending = true;
    let waitMs = 0;
    try {
      for (const data of updateData(update, newId)) {
        await client.publish(channel, updateEvent, data);
      }
      this.#retryMs = firstRetryMs;
    } catch (error) {
      this.#pending.unshift(update);
      const known = error instanceof MilepostError ? error : undefined;
      if (known !== undefined && !known.retryable && known.code !== "timed_out") {
        this.#isRefused = true;
        events.onRefused(known);
      }
      waitMs = Math.max(known?.retryAfterMs ?? 0, this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, maxRetryMs);
    }
    this.#isSending = false;
    if (this.#pending.length > 0) this.#sendLater(waitMs);
    else events.onSaved(true);
  }
}
