import type { SharedSubscriber } from "../hub/subscriber.ts";
import { PresenceWatcher, type WatchedChannel } from "./presence-watcher.ts";
import type { TypingChange } from "./typing-news.ts";

/**
 * Connection of a bare client in a chat, which receives who types and nothing else of the presence. Its member is not
 * present until it types itself.
 */
export class TypingWatcher extends PresenceWatcher {
  /** Id of the client's own member, of whose typing it is not told; undefined if its credential names none. */
  readonly ownId: string | undefined;
  /** True once the channel could not be subscribed to, so that nothing arrives any more. */
  isLost = false;

  constructor(channel: WatchedChannel, subscriber: SharedSubscriber, ownId: string | undefined) {
    super(channel, subscriber, undefined);
    this.ownId = ownId;
  }

  override give(): void {}

  /** Sends who has begun or stopped typing. A slow subscriber misses it, since it is of interest only at once. */
  tell(changes: readonly TypingChange[]): void {
    const { sendQueue, encoder } = this.subscriber;
    for (const change of changes) {
      if (change.id === this.ownId || sendQueue.isHolding) continue;
      sendQueue.push(change.encode(encoder));
    }
  }
}
