import type { Hub } from "./hub.ts";
import type { HubMember, MemberPort } from "./hub-member.ts";
import type { TabChannel, Tabs } from "./tabs.ts";

/** Names that a follower and its leader agree on. */
export interface FollowerNames {
  /** Name of the channel between the two. */
  readonly channel: string;
  /** Name of the lock that the follower holds while it lives. */
  readonly life: string;
}

/** Returns the names for a leader and a follower, by the ids of their tabs. */
export function followerNames(group: string, leader: string, follower: string): FollowerNames {
  return { channel: `${group}:${leader}:${follower}`, life: lifeLockOf(group, follower) };
}

/** Returns the name of the lock that a tab of a group holds while it takes part. */
export function lifeLockOf(group: string, tab: string): string {
  return `${group}:${tab}`;
}

/**
 * Maximum length, in characters and in posts, of what was posted to a tab and not yet confirmed. A tab that
 * reads more slowly, or is frozen, is cut off. It connects again and resumes.
 */
const maxUnreadLength = 4 * 1_048_576;
const maxUnreadPosts = 10_000;

/** A follower as its leader sees it: the end of the channel to that tab, and its membership of the hub. */
export class RemoteMember implements MemberPort {
  readonly isOwner = false;
  readonly #hub: Hub;
  readonly #channel: TabChannel;
  readonly #onGone: () => void;
  readonly #gone = new AbortController();
  #member: HubMember | undefined;
  #posts = 0;
  /** Lengths of the posts that the tab has not confirmed, the oldest first. */
  #unread: number[] = [];
  #unreadLength = 0;

  /** `onGone` is called when the tab is gone or cut off. */
  constructor(tabs: Tabs, hub: Hub, names: FollowerNames, onGone: () => void) {
    this.#hub = hub;
    this.#onGone = onGone;
    this.#channel = tabs.channel(names.channel, (message) => this.#take(message));
    // The tab holds this lock while it lives. To be granted it means that the tab is gone.
    tabs.locks.wait(names.life, this.#gone.signal).then(
      (lock) => {
        lock.release();
        this.#end();
      },
      () => {},
    );
  }

  deliver(texts: readonly string[]): void {
    let length = 0;
    for (const text of texts) length += text.length;
    this.#unread.push(length);
    this.#unreadLength += length;
    if (this.#unreadLength > maxUnreadLength || this.#unread.length > maxUnreadPosts) {
      this.close(4002, "slow_consumer");
      return;
    }
    this.#channel.post({ post: ++this.#posts, texts });
  }

  turnAway(): void {
    this.#channel.post({ alone: true });
    this.#end();
  }

  /** Ends the membership with a close code. */
  close(code: number, reason: string): void {
    this.#member?.flush();
    this.#channel.post({ close: code, reason });
    this.#end();
  }

  /** Ends the membership: the tab is to find the next leader at once. */
  move(): void {
    this.#member?.flush();
    this.#channel.post({ move: true });
    this.#end();
  }

  #take({ join, texts, read, check, bye }: Record<string, unknown>): void {
    if (this.#gone.signal.aborted) return;
    if (join === true) this.#member ??= this.#hub.join(this);
    if (typeof read === "number") this.#confirm(read);
    if (check === true) this.#channel.post({ check });
    if (Array.isArray(texts)) this.#member?.take(texts);
    if (bye === true) this.#end();
  }

  #confirm(read: number): void {
    const count = this.#unread.length - (this.#posts - read);
    for (const length of this.#unread.splice(0, Math.max(0, count))) this.#unreadLength -= length;
  }

  #end(): void {
    if (this.#gone.signal.aborted) return;
    this.#gone.abort();
    this.#member?.leave();
    this.#channel.close();
    this.#onGone();
  }
}
