import { isRecord, type MessageId, type MilepostError } from "@milepost/protocol";
import type { RawMessage } from "../transport/server-frame.ts";
import type { RelaySubscriber } from "./relay-subscriber.ts";

/** Maximum number of messages of one member that wait for the gateway's answer. */
const maxCalls = 2_000;

/** Way from the hub to a member. */
export interface MemberPort {
  /** True for the client whose token opened the shared connection. */
  readonly isOwner: boolean;
  /** Delivers messages of the gateway in order. */
  deliver(texts: readonly string[]): void;
  /** Asks the member to connect without sharing, because the hub cannot do what it wants. */
  turnAway(): void;
}

/** Functions of the hub that a member uses. */
export interface MemberEvents {
  message(member: HubMember, message: RawMessage): void;
  left(member: HubMember): void;
}

/** One client that shares the hub's connection, with what the hub knows of it. */
export class HubMember {
  readonly port: MemberPort;
  readonly subscriptions = new Map<string, RelaySubscriber>();
  /** Channels that the member reads as a durable subscriber. */
  readonly durable = new Set<string>();
  /** Ids at the gateway of the member's unanswered messages, by the member's own ids. */
  readonly calls = new Map<MessageId, number>();
  readonly #events: MemberEvents;
  #waiting: string[] = [];
  #isGone = false;

  constructor(port: MemberPort, events: MemberEvents) {
    this.port = port;
    this.#events = events;
  }

  /** Number of channels that the member reads. */
  get channels(): number {
    return this.subscriptions.size + this.durable.size;
  }

  get isBusy(): boolean {
    return this.calls.size >= maxCalls;
  }

  /** Takes messages of the member, each one as JSON text. */
  take(texts: readonly unknown[]): void {
    for (const text of texts) {
      if (this.#isGone) return;
      const message = typeof text === "string" ? parsed(text) : undefined;
      if (message !== undefined) this.#events.message(this, message);
    }
  }

  /** Sends the member a message, together with the others of this tick. */
  tell(text: string): void {
    if (this.#isGone) return;
    if (this.#waiting.length === 0) queueMicrotask(() => this.flush());
    this.#waiting.push(text);
  }

  /** Delivers the messages of this tick now. */
  flush(): void {
    const texts = this.#waiting;
    this.#waiting = [];
    if (texts.length > 0 && !this.#isGone) this.port.deliver(texts);
  }

  refuse(id: MessageId, error: MilepostError): void {
    this.tell(JSON.stringify({ type: "reply", id, error: error.toFailure() }));
  }

  /** Ends the membership, because the member wants what a shared connection cannot do. */
  turnAway(): void {
    if (this.#isGone) return;
    this.leave();
    this.port.turnAway();
  }

  /** Ends the membership: the hub gives up all that the member asked for. */
  leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#waiting = [];
    this.#events.left(this);
  }
}

function parsed(text: string): RawMessage | undefined {
  const value: unknown = JSON.parse(text);
  return isRecord(value) && typeof value.type === "string" ? (value as RawMessage) : undefined;
}
