import {
  formatPosition,
  type GapReason,
  type MessageId,
  type Position,
  type Publication,
  type Since,
  type Subscribed,
} from "@milepost/protocol";
import type { Membership } from "../hub/membership.ts";
import type { Reader, SharedReader } from "../hub/reader.ts";
import type { Start } from "../hub/recovery.ts";
import type { Reset } from "../hub/reset.ts";
import type { Connection } from "./connection.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** What a connection asked for in one subscription. */
export interface SubscriptionRequest {
  readonly channel: string;
  readonly since?: Since;
  readonly events?: readonly string[];
  /** The message to reply to; undefined when the connect itself asked. */
  readonly id?: MessageId;
}

/** A connection on a channel. */
export class Subscription implements Reader {
  readonly channel: string;
  readonly id: MessageId | undefined;
  readonly #connection: Connection;
  readonly #siblings: Subscriptions;
  readonly #events: ReadonlySet<string> | undefined;
  /** Where its reader is while the channel does not say: before the start, and where events are filtered. */
  #position: Position | undefined;
  #started = false;
  #waiters: (() => void)[] | undefined;
  member: Membership | undefined;

  constructor(
    connection: Connection,
    siblings: Subscriptions,
    { channel, since, events, id }: SubscriptionRequest,
  ) {
    this.#connection = connection;
    this.#siblings = siblings;
    this.channel = channel;
    this.id = id;
    this.#events = events === undefined ? undefined : new Set(events);
    this.#position = typeof since === "object" && "epoch" in since ? since : undefined;
  }

  /** Where the client is in the channel; undefined while it holds nothing of it. */
  get position(): Position | undefined {
    return this.#started && this.#events === undefined ? this.member?.position : this.#position;
  }

  get shared(): SharedReader | undefined {
    return this.#events === undefined && this.#connection.readsAlike ? this.#connection : undefined;
  }

  /** Resolves when it has started or failed; undefined when it has. */
  settled(): Promise<void> | undefined {
    if (this.#started) return undefined;
    return new Promise((resolve) => {
      this.#waiters ??= [];
      this.#waiters.push(resolve);
    });
  }

  onStart(start: Start): void {
    this.#started = true;
    this.#position = start.position;
    const { position, recovered, reason, state, gapFrom } = start;
    const subscribed: Subscribed = {
      channel: this.channel,
      position: formatPosition(position),
      recovered,
      ...(reason === undefined ? {} : { reason }),
      ...(state === undefined ? {} : { snapshot: state.snapshot }),
    };
    const cursor = this.#siblings.cursor();
    this.#connection.send(
      this.id === undefined
        ? { type: "subscribed", ...cursor, ...subscribed }
        : { type: "reply", id: this.id, result: subscribed, ...cursor },
    );
    if (gapFrom !== undefined && reason !== undefined) this.#sendGap(gapFrom, position, reason);
    this.#settle();
  }

  onFailed(error: unknown): void {
    this.#siblings.drop(this);
    this.#connection.refuse(this.id ?? null, error);
    this.#settle();
  }

  onPublications(publications: readonly Publication[]): void {
    const events = this.#events;
    const wanted =
      events === undefined ? publications : publications.filter(({ event }) => events.has(event));
    const last = wanted.at(-1);
    if (last === undefined) return;
    this.#position = last.position;
    const { encoder, outbox } = this.#connection;
    outbox.push(encoder.encodeBatch(wanted, this.#siblings.cursorOf(this.channel)));
  }

  onGap(from: Position, to: Position, reason: GapReason): void {
    this.#position = to;
    this.#sendGap(from, to, reason);
  }

  onReset(reset: Reset): void {
    this.#position = reset.state.position;
    const { encoder, outbox } = this.#connection;
    outbox.push(reset.encode(encoder, this.#siblings.cursor().event_id));
  }

  room(): Promise<void> | undefined {
    return this.#connection.outbox.room();
  }

  /** Ends it silently. */
  leave(): void {
    this.member?.leave();
    this.#settle();
  }

  #sendGap(from: Position, to: Position, reason: GapReason): void {
    this.#connection.send({
      type: "gap",
      channel: this.channel,
      from: formatPosition(from),
      to: formatPosition(to),
      reason,
      ...this.#siblings.cursor(),
    });
  }

  #settle(): void {
    const waiters = this.#waiters;
    this.#waiters = undefined;
    for (const resolve of waiters ?? []) resolve();
  }
}
