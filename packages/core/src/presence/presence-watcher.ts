import type { PresenceList } from "@milepost/protocol";
import type { SharedSubscriber } from "../hub/subscriber.ts";
import type { PresenceChannel } from "./presence-channel.ts";

/** A connection that is in a channel and sees who else is. */
export class PresenceWatcher {
  readonly subscriber: SharedSubscriber;
  /** Whom it holds there; undefined where its credential names nobody. */
  readonly memberId: string | undefined;
  readonly #channel: PresenceChannel;
  /** Where in the channel's list it stands, once it has begun; the channel's. */
  index: number | undefined;
  /** Its reader is slow and gets the whole list as soon as there is room. */
  #isOwed = false;
  #left = false;

  constructor(channel: PresenceChannel, reader: SharedSubscriber, memberId: string | undefined) {
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
    if (this.#isOwed) return;
    this.#isOwed = true;
    sendQueue.defer(this);
  }

  /** What it is owed. */
  encodeLatest(): Uint8Array {
    this.#isOwed = false;
    return this.#channel.encodeWhole(this.subscriber.encoder);
  }

  /** Ends it: who unsubscribes is gone at once, who loses the connection has a while to come back. */
  leave(going: "leaves" | "lingers"): void {
    if (this.#left) return;
    this.#left = true;
    if (this.#isOwed) this.subscriber.sendQueue.cancelDeferred(this);
    this.#channel.remove(this, going);
  }
}
