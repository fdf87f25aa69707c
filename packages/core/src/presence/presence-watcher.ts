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

/** Connection that subscribes with presence: it may hold a member, and it receives the list and its changes. */
export class PresenceWatcher {
  readonly subscriber: SharedSubscriber;
  /** Id of the member that the connection holds; undefined where its credential names nobody. */
  readonly memberId: string | undefined;
  readonly #channel: WatchedChannel;
  /** Index in the channel's list of watchers, once it has begun. The channel sets it. */
  index: number | undefined;
  /** True while a slow subscriber waits for the whole list, which is sent once there is room. */
  #isDeferred = false;
  #left = false;

  constructor(channel: WatchedChannel, subscriber: SharedSubscriber, memberId: string | undefined) {
    this.#channel = channel;
    this.subscriber = subscriber;
    this.memberId = memberId;
  }

  /** Begins to watch. Returns the current list; every later change is sent. */
  begin(): PresenceList {
    return this.#channel.begin(this);
  }

  /**
   * Sends a message. A slow subscriber receives the whole list later instead, whatever else changes until then.
   */
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

  /** Encodes the deferred message: the whole list at this moment. */
  encodeLatest(): Uint8Array {
    this.#isDeferred = false;
    return this.#channel.encodeWhole(this.subscriber.encoder);
  }

  /** Ends the watch. `leaves` removes its member at once, `lingers` gives it the grace period to reconnect. */
  leave(going: "leaves" | "lingers"): void {
    if (this.#left) return;
    this.#left = true;
    if (this.#isDeferred) this.subscriber.sendQueue.cancelDeferred(this);
    this.#channel.remove(this, going);
  }
}
