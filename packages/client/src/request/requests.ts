import { MilepostError } from "@milepost/protocol";
import { lostError, serviceError } from "../connection/service-error.ts";
import type { Cancel } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";
import type { RawMessage } from "../transport/server-frame.ts";
import type { Call, CallOptions, Outcome } from "./call.ts";
import type { Chunk, Exchange } from "./exchange.ts";
import { strictJson } from "./strict-json.ts";

/** Part of the connection that requests use. */
export interface RequestLink {
  readonly isUp: boolean;
  sendText(text: string, canWait?: boolean): void;
}

interface Open extends Outcome {
  readonly text: string;
  readonly canWait: boolean;
  readonly resend: boolean;
  readonly onChunk: ((chunk: RawMessage) => void) | undefined;
  sent: boolean;
  renew(): void;
}

/**
 * Maximum number of calls that wait for a connection, so that the memory of an offline page stays bounded. A
 * further call is refused with `rate_limited`.
 */
const maxWaiting = 1_000;
const defaultTimeoutMs = 30_000;
/** Size limit of a message, in bytes, when the gateway states none. */
export const defaultMaxMessageBytes = 1_048_576;

/**
 * Pending calls of a client: assigns their ids, runs their timeouts, and resends or rejects them after a lost
 * connection.
 */
export class Requests {
  /** Pending calls by id, in the order they were made; they are sent, and sent again, in that order. */
  readonly #open = new Map<number, Open>();
  readonly #link: RequestLink;
  readonly #schedule: Schedule;
  #lastId = 0;
  #maxMessageBytes = defaultMaxMessageBytes;

  constructor(link: RequestLink, schedule: Schedule) {
    this.#link = link;
    this.#schedule = schedule;
  }

  /**
   * Sends a message, at once or after the client has connected, and resolves with the result of its reply.
   *
   * Rejects with:
   * - the gateway's error;
   * - `timed_out` when no reply arrives in time, or when the connection is lost and the message may not be sent
   *   again;
   * - `rate_limited` when 1,000 calls already wait for a connection;
   * - `too_large` or `bad_message` before sending.
   */
  call(message: Call, options: CallOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => this.start(message, options, { resolve, reject }));
  }

  /**
   * Sends a message like `call`, but reports to `outcome` at once instead of through a promise. The outcome is
   * therefore handled before messages that follow the reply in its frame. Throws when the message cannot be
   * sent at all.
   */
  start(message: Call, options: CallOptions, outcome: Outcome): Exchange {
    const { signal, timeoutMs = defaultTimeoutMs, resend = false, onChunk } = options;
    if (signal?.aborted) throw signal.reason;
    if (!this.#link.isUp && this.#open.size >= maxWaiting) {
      throw new MilepostError(
        "rate_limited",
        `${maxWaiting} messages already wait for a connection`,
      );
    }
    const id = ++this.#lastId;
    const text = this.#encode({ ...message, id });
    const settle = () => {
      this.#open.delete(id);
      cancelTimer();
      signal?.removeEventListener("abort", onAbort);
    };
    const giveUp = (reason: unknown) => {
      if (this.#open.get(id) !== open) return;
      if (open.sent && message.type === "request") {
        this.#link.sendText(JSON.stringify({ type: "cancel", id }));
      }
      open.reject(reason);
    };
    const onAbort = () => giveUp(signal?.reason);
    const arm = (): Cancel =>
      this.#schedule.after(timeoutMs, () =>
        giveUp(
          new MilepostError("timed_out", `no answer to ${message.type} within ${timeoutMs} ms`),
        ),
      );
    let cancelTimer = arm();
    signal?.addEventListener("abort", onAbort);
    const open: Open = {
      text,
      canWait: message.type === "publish" || message.type === "request",
      resend,
      onChunk,
      sent: false,
      renew() {
        cancelTimer();
        cancelTimer = arm();
      },
      resolve(result) {
        settle();
        outcome.resolve(result);
      },
      reject(error) {
        settle();
        outcome.reject(error);
      },
    };
    this.#open.set(id, open);
    if (this.#link.isUp) this.#send(open);
    const send = (chunk: Chunk) => {
      if (this.#open.get(id) !== open) return;
      open.renew();
      this.#link.sendText(this.#encode({ type: "chunk", stream: id, ...chunk }));
    };
    return { send, giveUp };
  }

  /** Takes a chunk; a chunk that belongs to no pending call is ignored. */
  chunk(message: RawMessage): void {
    const open = typeof message.stream === "number" ? this.#open.get(message.stream) : undefined;
    if (open?.onChunk === undefined) return;
    open.renew();
    open.onChunk(message);
  }

  /** Takes a reply; a reply to no pending call is ignored. */
  reply(message: RawMessage): void {
    const open = typeof message.id === "number" ? this.#open.get(message.id) : undefined;
    if (open === undefined) return;
    if (message.error === undefined) open.resolve(message.result);
    else open.reject(serviceError(message.error));
  }

  /**
   * Sends all pending calls. Called when the client has connected, with the gateway's size limit of a message
   * in bytes.
   */
  up(maxMessageBytes: number): void {
    this.#maxMessageBytes = maxMessageBytes;
    for (const open of this.#open.values()) this.#send(open);
  }

  /**
   * Handles a broken connection: rejects the sent calls that may not be repeated, and keeps the others to send
   * again.
   *
   * If the connection was closed because a message was too large, the largest publish or request that waits for its
   * answer is rejected with `too_large`: sent again, it would break each connection.
   */
  down(isTooLarge = false): void {
    const sent = [...this.#open.values()].filter((open) => isTooLarge && open.sent && open.canWait);
    sent
      .sort((a, b) => b.text.length - a.text.length)[0]
      ?.reject(new MilepostError("too_large", "the connection takes no message of this size"));
    for (const open of [...this.#open.values()]) {
      if (open.sent && !open.resend) open.reject(lostError());
      open.sent = false;
    }
  }

  /** Rejects all pending calls with `error`, after the client was closed. */
  closed(error: MilepostError): void {
    for (const open of [...this.#open.values()]) open.reject(error);
  }

  #send(open: Open): void {
    open.sent = true;
    this.#link.sendText(open.text, open.canWait);
  }

  /**
   * Encodes a message. Throws `bad_message` for a value that JSON cannot carry, and `too_large` when the message
   * is over the size limit. The gateway would close the connection after such a message, and the client would not
   * reconnect.
   */
  #encode(message: object): string {
    const text = strictJson(message);
    const limit = this.#maxMessageBytes;
    if (text.length * 3 > limit && new TextEncoder().encode(text).length > limit) {
      throw new MilepostError(
        "too_large",
        `the message is larger than the gateway's limit of ${limit} bytes`,
      );
    }
    return text;
  }
}
