import type { ClientMessage, MessageId } from "@milepost/protocol";
import { MilepostError } from "@milepost/protocol";
import { lostError, serviceError } from "../connection/service-error.ts";
import type { Cancel } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";
import type { RawMessage } from "../transport/server-frame.ts";
import type { Chunk, Exchange } from "./exchange.ts";

/** How to make a request. */
export interface RequestOptions {
  /** Gives it up: the service is told, the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** How long to wait, in milliseconds, a wait for the connection included; default 30,000. */
  readonly timeoutMs?: number;
  /**
   * What the method knows it by: a request with a key is sent again after a reconnect, for a method that does what has
   * the same key once.
   */
  readonly key?: string;
}

/** How a message with an id is treated. */
export interface CallOptions extends RequestOptions {
  /** Whether it may be sent again after the connection broke, because doing it twice is doing it once. */
  readonly resend?: boolean;
  /** Takes its chunks; each begins the time anew. */
  readonly onChunk?: (chunk: RawMessage) => void;
}

type WithoutId<Message> = Message extends unknown ? Omit<Message, "id"> : never;

/** A message that is answered, before it has an id. */
export type Call = WithoutId<Extract<ClientMessage, { id?: MessageId }>>;

/** What requests need of the connection. */
export interface RequestLink {
  readonly isUp: boolean;
  sendText(text: string, canWait?: boolean): void;
}

/** Where the outcome of a call goes, within the event that brought it. */
export interface Outcome {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

interface Open extends Outcome {
  readonly text: string;
  readonly canWait: boolean;
  readonly resend: boolean;
  readonly onChunk: ((chunk: RawMessage) => void) | undefined;
  sent: boolean;
  renew(): void;
}

/** How many calls may wait for a connection, so that a page left offline does not grow for ever. */
const maxWaiting = 1_000;
const defaultTimeoutMs = 30_000;
/** What a message may be long where the service does not say. */
export const defaultMaxMessageBytes = 1_048_576;

/** The calls that wait for their reply: their ids, deadlines and fate when the connection breaks. */
export class Requests {
  /** In the order they were made, which is the order they are sent (again) in. */
  readonly #open = new Map<number, Open>();
  readonly #link: RequestLink;
  readonly #schedule: Schedule;
  #lastId = 0;
  #maxMessageBytes = defaultMaxMessageBytes;

  constructor(line: RequestLink, schedule: Schedule) {
    this.#link = line;
    this.#schedule = schedule;
  }

  /**
   * Sends a message, now or once connected, and resolves with the result of its reply.
   *
   * Rejects with the service's error; `timed_out` when no reply comes in time, or the connection breaks and
   * it may not be sent again; `rate_limited` when too many wait; `too_large` and `bad_message` before sending.
   */
  call(message: Call, options: CallOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => this.start(message, options, { resolve, reject }));
  }

  /**
   * The same without a promise: what follows the reply in its frame is handled after the outcome. Throws
   * what cannot be sent at all.
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

  /** Takes a chunk; one of nothing that waits is ignored. */
  chunk(message: RawMessage): void {
    const open = typeof message.stream === "number" ? this.#open.get(message.stream) : undefined;
    if (open?.onChunk === undefined) return;
    open.renew();
    open.onChunk(message);
  }

  /** Takes a reply; one to nothing that waits is ignored. */
  reply(message: RawMessage): void {
    const open = typeof message.id === "number" ? this.#open.get(message.id) : undefined;
    if (open === undefined) return;
    if (message.error === undefined) open.resolve(message.result);
    else open.reject(serviceError(message.error));
  }

  /** Connected: sends what waits. */
  up(maxMessageBytes: number): void {
    this.#maxMessageBytes = maxMessageBytes;
    for (const open of this.#open.values()) this.#send(open);
  }

  /** The connection broke: what was sent is sent again, or rejected where that could do it twice. */
  down(): void {
    for (const open of [...this.#open.values()]) {
      if (open.sent && !open.resend) open.reject(lostError());
      open.sent = false;
    }
  }

  /** Closed for good. */
  closed(error: MilepostError): void {
    for (const open of [...this.#open.values()]) open.reject(error);
  }

  #send(open: Open): void {
    open.sent = true;
    this.#link.sendText(open.text, open.canWait);
  }

  /** The service closes the connection of who sends too much, for good: better to refuse it here. */
  #encode(message: object): string {
    let text: string;
    try {
      text = JSON.stringify(message);
    } catch (cause) {
      throw new MilepostError("bad_message", "this cannot be written as JSON", { cause });
    }
    const limit = this.#maxMessageBytes;
    if (text.length * 3 > limit && new TextEncoder().encode(text).length > limit) {
      throw new MilepostError("too_large", `a message may be ${limit} bytes at most`);
    }
    return text;
  }
}
