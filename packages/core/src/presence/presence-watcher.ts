import type { PresenceList } from "@milepost/protocol";
import type { SharedSubscriber } from "../hub/subscriber.ts";
import type { Encoder } from "../send-queue/transport.ts";

/** Version of a channel's presence. */
type PresenceVersion = Pick<PresenceList, "epoch" | "version">;

/** Part of a channel's presence that a watching connection uses. */
export interface WatchedChannel {
  readonly list: PresenceList;
  /** Starts to send changes to the watcher, and returns the current list. */
  begin(watcher: PresenceWatcher): PresenceList;
  remove(watcher: PresenceWatcher, going: "leaves" | "lingers"): void;
  /** Encodes the whole list as one message. */
  encodeWhole(encoder: Encoder): Uint8Array;
}

/**
 * Connection that subscribes with presence. It makes its member present, if it has one, and receives the list
 * of members and its changes.
 */
export class PresenceWatcher {
  readonly subscriber: SharedSubscriber;
  /**
   * Id of the member that the connection holds; undefined if its credential names neither a user nor a session. The
   * channel sets it for a connection whose member becomes present later.
   */
  memberId: string | undefined;
  readonly #channel: WatchedChannel;
  /**
   * Index in the channel's list of watchers; undefined while the connection does not watch. The channel sets
   * it.
   */
  index: number | undefined;
  /** Version that the watcher was sent last: with the list or a change. */
  #sent: PresenceVersion | undefined;
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
    const list = this.#channel.begin(this);
    this.#sent = versionOf(list);
    return list;
  }

  /**
   * Sends the message of a version, unless the watcher has that version already: it may have begun since the last
   * message. If the subscriber is slow, drops the message and instead sends the whole list once there is room.
   */
  give(message: PresenceVersion, encode: () => Uint8Array): void {
    const { epoch, version } = versionOf(message);
    if (this.#sent?.epoch === epoch && this.#sent.version >= version) return;
    const { sendQueue } = this.subscriber;
    if (!sendQueue.isHolding) {
      this.#sent = { epoch, version };
      sendQueue.push(encode());
      return;
    }
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    sendQueue.defer(this);
  }

  /** Encodes the deferred message: the whole list at this moment. */
  encodeLatest(): Uint8Array {
    this.#isDeferred = false;
    this.#sent = versionOf(this.#channel.list);
    return this.#channel.encodeWhole(this.subscriber.encoder);
  }

  /**
   * Stops watching. Once no connection holds the member any more, it leaves at once (`leaves`) or has the grace
   * period to reconnect (`lingers`).
   */
  leave(going: "leaves" | "lingers"): void {
    if (this.#left) return;
    this.#left = true;
    if (this.#isDeferred) this.subscriber.sendQueue.cancelDeferred(this);
    this.#channel.remove(this, going);
  }
}

/** Returns the version alone, so that what it came from need not be kept. */
function versionOf({ epoch, version }: PresenceVersion): PresenceVersion {
  return { epoch, version };
}
