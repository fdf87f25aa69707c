import {
  type ClientMessage,
  isRecord,
  type MessageId,
  MilepostError,
  type SubscribeMessage,
} from "@milepost/protocol";
import { type Fetch, HttpEndpoint, Refused } from "./http-endpoint.ts";
import { sdkName } from "./sdk.ts";
import { type RawMessage, readFrame } from "./server-frame.ts";
import type {
  Attempt,
  Transport,
  TransportConnection,
  TransportConnectionEvents,
} from "./transport.ts";
import { Upstream } from "./upstream.ts";

/** Messages come in answers to polls, and go as POSTs. */
export function pollTransport(fetch: Fetch): Transport {
  return { name: "poll", open: (attempt, events) => new PollConnection(fetch, attempt, events) };
}

const waitSeconds = 25;
const maxChannels = 100;

/** A channel that each poll asks for. */
interface Polled {
  readonly ask: SubscribeMessage;
  /** Where the next poll goes on; undefined until it started. */
  position: string | undefined;
}

/**
 * A connection that nobody holds: this line does what a node would, and keeps what is subscribed and where
 * each channel is. An answer counts once it was read, so one that is lost on the way comes again.
 */
class PollConnection implements TransportConnection {
  readonly closed: Promise<void>;
  readonly #endpoint: HttpEndpoint;
  readonly #events: TransportConnectionEvents;
  readonly #upstream: Upstream;
  readonly #polled = new Map<string, Polled>();
  #owned = true;
  /** Ends the poll under way, for what it asks is no longer what is wanted. */
  #interrupt: (() => void) | undefined;

  constructor(fetch: Fetch, { url, token }: Attempt, events: TransportConnectionEvents) {
    this.#endpoint = new HttpEndpoint(fetch, url, token);
    this.#events = events;
    this.#upstream = this.#newUpstream();
    this.closed = this.#run();
  }

  send(messages: readonly string[], maxBytes: number): void {
    for (const text of messages) this.#sendOne(text, maxBytes);
  }

  #sendOne(text: string, maxBytes: number): void {
    const message = JSON.parse(text) as ClientMessage;
    switch (message.type) {
      case "subscribe":
        this.#subscribe(message);
        break;
      case "unsubscribe":
        this.#polled.delete(message.channel);
        this.#interrupt?.();
        this.#answer({ type: "reply", id: message.id, result: { channel: message.channel } });
        break;
      case "auth":
        // The next call brings it; should it not be valid, that says so.
        this.#endpoint.token = message.token;
        this.#answer({ type: "reply", id: message.id ?? null, result: {} });
        break;
      case "cancel":
        break;
      case "publish":
        this.#upstream.send(text, maxBytes);
        break;
      default:
        // What takes long must not hold up what comes after it.
        this.#newUpstream().send(text, maxBytes);
    }
  }

  release(): void {
    this.#owned = false;
    this.#endpoint.end();
    this.#interrupt?.();
  }

  #newUpstream(): Upstream {
    return new Upstream(
      this.#endpoint,
      () => "/v1/connections/-/messages",
      (text) => {
        if (this.#owned) this.#events.onFrame(text);
      },
      (error) => this.#fail(error),
    );
  }

  /** Nobody can be present by polls: the answer says nothing of who is there, and whoever wants to know asks. */
  #subscribe({ presence: _, ...ask }: SubscribeMessage): void {
    if (this.#polled.size >= maxChannels) {
      const error = new MilepostError("too_many_subscriptions", `at most ${maxChannels} channels`);
      this.#answer({ type: "reply", id: ask.id, error: error.toFailure() });
      return;
    }
    if (ask.as !== undefined) {
      const says = "polls cannot hold a durable subscriber; it needs a WebSocket or a stream";
      const error = new MilepostError("not_supported", says);
      this.#answer({ type: "reply", id: ask.id, error: error.toFailure() });
      return;
    }
    this.#polled.set(ask.channel, { ask, position: undefined });
    this.#interrupt?.();
  }

  /** Later, as an answer of the service would come. */
  #answer(message: object): void {
    void Promise.resolve().then(() => {
      if (this.#owned) this.#events.onFrame(JSON.stringify(message));
    });
  }

  async #run(): Promise<void> {
    try {
      const hello = await this.#endpoint.call(`/v1/poll?sdk=${sdkName()}`, { body: "[]" });
      this.#tell(await hello.text());
      while (this.#owned) await this.#poll();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #poll(): Promise<void> {
    const interrupted = new AbortController();
    const change = new Promise<void>((resolve) => {
      this.#interrupt = () => {
        interrupted.abort();
        resolve();
      };
    });
    if (this.#polled.size === 0) return change;
    // What is wanted often changes several times in a row.
    await Promise.resolve();
    const polled = [...this.#polled.values()];
    const asks = polled.map(({ ask, position }) =>
      position === undefined ? ask : { ...ask, since: position },
    );
    const wait = polled.every(({ position }) => position !== undefined) ? waitSeconds : 0;
    try {
      const response = await this.#endpoint.call(`/v1/poll?wait=${wait}&sdk=${sdkName()}`, {
        body: JSON.stringify(asks),
        signal: interrupted.signal,
      });
      const text = response.status === 204 ? "" : await response.text();
      if (!interrupted.signal.aborted && text !== "") this.#take(text);
    } catch (error) {
      if (!interrupted.signal.aborted) throw error;
    }
  }

  #take(text: string): void {
    const news = readFrame(text, () => {}).filter((message) => message.type !== "welcome");
    const frame = news.flatMap((message) => this.#takeOne(message));
    if (frame.length > 0) this.#tell(JSON.stringify(frame));
  }

  /** Notes where each channel is; answers to asking again are told as what they mean to a subscriber. */
  #takeOne(message: RawMessage): readonly object[] {
    if (message.type === "reply") return this.#takeReply(message);
    const polled = this.#polled.get(String(message.channel));
    const position = message.type === "gap" ? message.to : message.position;
    if (polled !== undefined && typeof position === "string") polled.position = position;
    if (message.type === "end") this.#polled.delete(String(message.channel));
    return [message];
  }

  #takeReply(message: RawMessage): readonly object[] {
    const polled = this.#byId(message.id as MessageId);
    if (polled === undefined) return [];
    const { channel } = polled.ask;
    const before = polled.position;
    if (isRecord(message.error)) {
      if (before !== undefined && message.error.retryable === true) {
        throw new Refused(1013, String(message.error.message));
      }
      this.#polled.delete(channel);
      return before === undefined
        ? [message]
        : [{ type: "unsubscribed", channel, position: before, reason: message.error.code }];
    }
    const { position, recovered, snapshot, reason } = isRecord(message.result)
      ? message.result
      : {};
    polled.position = String(position);
    if (before === undefined) return [message];
    if (recovered === true || snapshot === undefined) return [];
    return [{ type: "reset", channel, position, snapshot, reason }];
  }

  #byId(id: MessageId): Polled | undefined {
    for (const polled of this.#polled.values()) if (polled.ask.id === id) return polled;
    return undefined;
  }

  #tell(text: string): void {
    if (this.#owned) this.#events.onFrame(text);
  }

  #fail(error: unknown): void {
    if (!this.#owned) return;
    this.release();
    if (error instanceof Refused) this.#events.onClose(error.code, error.message);
    else this.#events.onClose(1006, "");
  }
}
