import {
  type AuthMessage,
  type ClientMessage,
  isRecord,
  type MessageId,
  MilepostError,
  type SubscribeMessage,
} from "@milepost/protocol";
import type { Cancel } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";
import { type Fetch, HttpEndpoint, Refused } from "./http-endpoint.ts";
import { sdkName } from "./sdk.ts";
import { type RawMessage, readFrame } from "./server-frame.ts";
import { authReply, otherOwner, ownerOf, proveToken, welcomeOf } from "./token-proof.ts";
import type {
  Attempt,
  Transport,
  TransportConnection,
  TransportConnectionEvents,
} from "./transport.ts";
import { Upstream } from "./upstream.ts";

/**
 * Returns the long-poll transport: messages arrive in responses to polls and are sent by POST. If the
 * polls are brief, none holds a connection of the browser open, and the wait is between two polls.
 */
export function pollTransport(fetch: Fetch, isBrief = false): Transport {
  return {
    name: "poll",
    open: (attempt, events) => new PollConnection(fetch, attempt, events, isBrief),
  };
}

const waitSeconds = 25;
/** Wait after a brief poll, in milliseconds. */
const restMs = 1_000;
/** Length of an answer, in characters, from which more may be ready, so that the next brief poll follows at once. */
const fullLength = 131_072;
/** Time in milliseconds that an answer may take, to a poll beyond the wait of the gateway. */
const slackMs = 30_000;
const maxChannels = 100;

/** Subscription to a channel that each poll requests again. */
interface Polled {
  readonly ask: SubscribeMessage;
  /** Position from which the next poll continues; undefined until the first answer. */
  position: string | undefined;
  /** True while the gateway says that the channel waits for its operation. */
  isPending: boolean;
}

/**
 * Long-poll connection. No gateway node knows it, so the client itself keeps what a node otherwise keeps: the
 * subscriptions and the position of each channel. A position advances only when a response has been read, so a
 * lost response is delivered again.
 */
class PollConnection implements TransportConnection {
  readonly closed: Promise<void>;
  readonly #endpoint: HttpEndpoint;
  readonly #events: TransportConnectionEvents;
  readonly #schedule: Schedule;
  readonly #upstream: Upstream;
  readonly #polled = new Map<string, Polled>();
  #owned = true;
  /** User and session of the connection. */
  #owner = "";
  /** Aborts the pending poll, because the wanted channels have changed. */
  #interrupt: (() => void) | undefined;
  #stopRest: Cancel | undefined;
  readonly #isBrief: boolean;

  constructor(
    fetch: Fetch,
    { url, token, schedule }: Attempt,
    events: TransportConnectionEvents,
    isBrief: boolean,
  ) {
    this.#isBrief = isBrief;
    this.#endpoint = new HttpEndpoint(fetch, url, token);
    this.#events = events;
    this.#schedule = schedule;
    // Publishes wait for each other, so one without an answer would hold back all that follow it.
    this.#upstream = this.#newUpstream(slackMs);
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
        void this.#authenticate(message);
        break;
      case "cancel":
        break;
      case "publish":
        this.#upstream.send(text, maxBytes);
        break;
      default:
        // Each message of another type, usually a request, has its own queue, so that a slow one does not delay
        // later messages.
        this.#newUpstream().send(text, maxBytes);
    }
  }

  release(): void {
    this.#owned = false;
    this.#endpoint.end();
    this.#stopRest?.();
    this.#interrupt?.();
  }

  #newUpstream(limitMs?: number): Upstream {
    const onReplies = (text: string) => {
      if (this.#owned) this.#events.onFrame(text);
    };
    return new Upstream({
      endpoint: this.#endpoint,
      path: () => "/ws/connections/-/messages",
      onReplies,
      onFailed: (error) => this.#fail(error),
      onRefused: onReplies,
      schedule: this.#schedule,
      limitMs,
    });
  }

  /**
   * Adds a channel to the next polls. A client cannot be present over long-poll, so `presence` is left out. The
   * answer then has no presence list, and the client requests the list instead.
   */
  #subscribe({ presence: _, ...ask }: SubscribeMessage): void {
    if (this.#polled.size >= maxChannels) {
      const error = new MilepostError(
        "too_many_subscriptions",
        `a long-poll connection takes at most ${maxChannels} channels`,
      );
      this.#answer({ type: "reply", id: ask.id, error: error.toFailure() });
      return;
    }
    if (ask.as !== undefined) {
      const says = "long-poll cannot hold a durable subscriber; use a WebSocket or SSE";
      const error = new MilepostError("not_supported", says);
      this.#answer({ type: "reply", id: ask.id, error: error.toFailure() });
      return;
    }
    this.#polled.set(ask.channel, { ask, position: undefined, isPending: false });
    this.#interrupt?.();
  }

  /**
   * Answers an `auth` message in the gateway's place, as no node knows this connection: tries the new token, and
   * uses it from then on if it belongs to the same user and session. Otherwise the old token stays in force.
   */
  async #authenticate({ id, token }: AuthMessage): Promise<void> {
    let failure: unknown;
    try {
      const frame = await proveToken(this.#endpoint, token);
      if (ownerOf(welcomeOf(frame)) !== this.#owner) throw otherOwner();
      this.#endpoint.token = token;
    } catch (error) {
      failure = error;
    }
    this.#tell(authReply(id, failure));
  }

  /** Delivers an answer that this transport made itself, in a later tick, as if the gateway had sent it. */
  #answer(message: object): void {
    void Promise.resolve().then(() => {
      if (this.#owned) this.#events.onFrame(JSON.stringify(message));
    });
  }

  async #run(): Promise<void> {
    try {
      const hello = await proveToken(this.#endpoint);
      this.#owner = ownerOf(welcomeOf(hello));
      this.#tell(hello);
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
    // The wanted channels often change several times in a row, so the poll starts a tick later.
    await Promise.resolve();
    const polled = [...this.#polled.values()];
    const asks = polled.map(({ ask, position }) =>
      position === undefined ? ask : { ...ask, since: position },
    );
    const hasStarted = polled.every(({ position }) => position !== undefined);
    const wait = hasStarted && !this.#isBrief ? waitSeconds : 0;
    const cancel = this.#schedule.after(wait * 1_000 + slackMs, () =>
      this.#fail(new Refused(1006, "a poll got no answer in time")),
    );
    try {
      const response = await this.#endpoint.call(`/ws/poll?wait=${wait}&sdk=${sdkName()}`, {
        body: JSON.stringify(asks),
        signal: interrupted.signal,
      });
      const text = response.status === 204 ? "" : await response.text();
      if (!interrupted.signal.aborted && text !== "") this.#take(text);
      cancel();
      const isFull = text.length > fullLength;
      if (this.#isBrief && !isFull && !interrupted.signal.aborted)
        await Promise.race([change, this.#rest()]);
    } catch (error) {
      if (!interrupted.signal.aborted) throw error;
    } finally {
      cancel();
    }
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => {
      this.#stopRest?.();
      this.#stopRest = this.#schedule.after(restMs, resolve);
    });
  }

  #take(text: string): void {
    const news = readFrame(text, () => {}).filter((message) => message.type !== "welcome");
    const frame = news.flatMap((message) => this.#takeOne(message));
    if (frame.length > 0) this.#tell(JSON.stringify(frame));
  }

  /**
   * Records the position of a message's channel and returns the messages to deliver. The reply to a repeated
   * poll is replaced by what it means to a subscriber, such as a reset or nothing.
   */
  #takeOne(message: RawMessage): readonly object[] {
    if (message.type === "reply") return this.#takeReply(message);
    const polled = this.#polled.get(String(message.channel));
    const position = message.type === "gap" ? message.to : message.position;
    if (polled !== undefined && typeof position === "string") polled.position = position;
    if (polled !== undefined && message.type === "subscribed") {
      polled.isPending = message.pending === true;
    }
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
    const result = isRecord(message.result) ? message.result : {};
    const { position, recovered, snapshot, reason, pending } = result;
    const waited = polled.isPending;
    polled.position = String(position);
    polled.isPending = pending === true;
    if (before === undefined) return [message];
    if (waited !== polled.isPending) return [{ type: "subscribed", ...result }];
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
    if (error instanceof Refused) this.#events.onClose(error.code, error.message, error);
    else this.#events.onClose(1006, "");
  }
}
