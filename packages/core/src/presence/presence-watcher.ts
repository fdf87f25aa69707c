import type { PresenceList } from "@milepost/protocol";
import type { SharedSubscriber } from "../hub/subscriber.ts";
import type { Encoder } from "../send-queue/transport.ts";

/** The presence of a channel, as a connection that watches it uses it. */
export interface WatchedChannel {
  /** Adds the watcher to those that get changes, and returns the list as it is now. */
  begin(watcher: PresenceWatcher): PresenceList;
  remove(watcher: PresenceWatcher, going: "leaves" | "lingers"): void;
  /** Encodes the whole list as one message. */
  encodeWhole(encoder: Encoder): Uint8Array;
}

/** A connection that is in a channel and sees who else is. */
export class PresenceWatcher {
  readonly subscriber: SharedSubscriber;
  /** Whom it holds there; undefined where its credential names nobody. */
  readonly memberId: string | undefined;
  readonly #channel: WatchedChannel;
  /** Where in the channel's list it stands, once it has begun; the channel's. */
  index: number | undefined;
  /** Its reader is slow and gets the whole list as soon as there is room. */
  #isDeferred = false;
  #left = false;

  constructor(channel: WatchedChannel, reader: SharedSubscriber, memberId: string | undefined) {
    this.#channel = channel;
    this.subscriber = reader;
    this.memberId = memberId;
  }

  /** The list as it is now; every change after it is told. */
  begin(): PresenceList {
    return this.#channel.begin(this);
  }

  /** Hands a message over; to a slow reader the whole list later, whatever else happens until then. */
  give(bytes: Uint8Array): void {
    const { sendQueue } = this.subscriber;
    if (!sendQueue.isHolding) {
      sendQueue.push(bytes);
      return;
    }
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    sendQueue.defer(this);
  }

  /** What it is owed. */
  encodeLatest(): Uint8Array {
    this.#isDeferred = false;
    return this.#channel.encodeWhole(this.subscriber.encoder);
  }

  /** Ends it: who unsubscribes is gone at once, who loses the connection has a while to come back. */
  leave(going: "leaves" | "lingers"): void {
    if (this.#left) return;
    this.#left = true;
    if (this.#isDeferred) this.subscriber.sendQueue.cancelDeferred(this);
    this.#channel.remove(this, going);
  }
}
