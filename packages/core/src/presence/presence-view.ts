import { localEpochPrefix, type PresenceBroadcast } from "@milepost/engine";
import type {
  PresenceChange,
  PresenceList,
  PresenceMessage,
  PresentMember,
} from "@milepost/protocol";

/**
 * Relation of a broadcast to the version that the node has: the next one (`next`), one that it has already
 * (`known`), or one that cannot be applied because versions in between are missing or the epoch differs
 * (`hole`).
 */
export type BroadcastFit = "next" | "known" | "hole";

/** Members of a channel as a node knows them, and the changes that its watchers have not received yet. */
export class PresenceView {
  readonly #channel: string;
  readonly #names: boolean;
  #epoch = "";
  #version = 0;
  /** Listed members, longest present first; empty where the rule offers only the count. */
  #members = new Map<string, PresentMember>();
  #count = 0;
  #typing: readonly string[] = [];
  #list: PresenceList | undefined;
  #told = { epoch: "", version: 0, count: 0 };
  /** Ids of the members that changed since the last message to watchers. */
  #touched = new Set<string>();
  #typingTouched = false;

  /** Creates an empty view. `names` is true where the rule offers members by name. */
  constructor(channel: string, names: boolean) {
    this.#channel = channel;
    this.#names = names;
  }

  get list(): PresenceList {
    this.#list ??= {
      epoch: this.#epoch,
      version: this.#version,
      ...(this.#names ? { members: [...this.#members.values()] } : {}),
      count: this.#count,
      typing: this.#typing,
    };
    return this.#list;
  }

  /** Returns a listed member by its id. */
  member(id: string): PresentMember | undefined {
    return this.#members.get(id);
  }

  /** Returns true if the view is at least as new as this version of the same epoch. */
  covers({ epoch, version }: { readonly epoch: string; readonly version: number }): boolean {
    return this.#epoch === epoch && this.#version >= version;
  }

  /**
   * Applies a broadcast if it is the next version. Returns how its version relates to the version of this view.
   */
  take(broadcast: PresenceBroadcast): BroadcastFit {
    if (broadcast.epoch !== this.#epoch) return "hole";
    if (broadcast.version <= this.#version) return "known";
    if (broadcast.version > this.#version + 1) return "hole";
    const { version, joined, left, count, typing } = broadcast;
    this.#list = undefined;
    this.#version = version;
    this.#count = count;
    if (!this.#names) return "next";
    for (const id of left) this.#remove(id);
    for (const member of joined) this.#put(member);
    if (typing !== undefined) this.#type(typing);
    return "next";
  }

  /** Replaces the view with the store's list, unless that list is older. */
  replace({ epoch, version, members = [], count, typing }: PresenceList): void {
    if (epoch === this.#epoch && version < this.#version) return;
    this.#list = undefined;
    this.#epoch = epoch;
    this.#version = version;
    this.#count = count;
    if (!this.#names) return;
    const before = this.#members;
    this.#members = new Map(members.map((member) => [member.id, member]));
    const stayed = [...before.values()].filter(({ id }) => this.#members.has(id));
    const changed = members.findIndex((member, i) => {
      const known = stayed[i];
      return known?.id !== member.id || known.since !== member.since;
    });
    // All members from the first new or moved one count as changed, so that the message carries their order.
    if (changed >= 0) for (const { id } of members.slice(changed)) this.#touched.add(id);
    for (const id of before.keys()) if (!this.#members.has(id)) this.#touched.add(id);
    this.#type(typing);
  }

  /**
   * Shows that a member types or no longer types, without the store. The view has an epoch of its own from then on, until
   * the next list of the store replaces it.
   */
  showTyping(id: string, typing: boolean): void {
    if (!this.#names) return;
    const others = this.#typing.filter((other) => other !== id);
    if (!this.#epoch.startsWith(localEpochPrefix)) {
      this.#epoch = `${localEpochPrefix}${this.#epoch}`;
      this.#version = 0;
    }
    this.#version++;
    this.#list = undefined;
    this.#type(typing ? [...others, id] : others);
  }

  /** Marks the current view as sent to the watchers. */
  settle(): void {
    this.#told = { epoch: this.#epoch, version: this.#version, count: this.#count };
    this.#touched.clear();
    this.#typingTouched = false;
  }

  /**
   * Returns the changes since the last message to watchers as one message, and marks them as sent. Returns
   * undefined if there are none.
   */
  takeChanges(): PresenceMessage | undefined {
    const message = this.#changes();
    if (message !== undefined) this.settle();
    return message;
  }

  /** Returns the whole list as a message. */
  whole(): PresenceMessage {
    return { type: "presence", channel: this.#channel, ...this.list };
  }

  #changes(): PresenceMessage | undefined {
    const told = this.#told;
    if (told.epoch !== this.#epoch) return this.whole();
    const isSame = this.#touched.size === 0 && !this.#typingTouched && told.count === this.#count;
    if (isSame) return undefined;
    const touched = this.#touched;
    // The message lists members in the order of this list, so that the watcher's list has the same order.
    const joined =
      touched.size === 0 ? [] : [...this.#members.values()].filter(({ id }) => touched.has(id));
    const left = [...touched].filter((id) => !this.#members.has(id));
    const change: PresenceChange = {
      epoch: this.#epoch,
      since: told.version,
      version: this.#version,
      joined,
      left,
      count: this.#count,
      ...(this.#typingTouched ? { typing: this.#typing } : {}),
    };
    return { type: "presence", channel: this.#channel, ...change };
  }

  #put(member: PresentMember): void {
    this.#remove(member.id);
    this.#members.set(member.id, member);
  }

  #remove(id: string): void {
    this.#touched.add(id);
    this.#members.delete(id);
  }

  #type(typing: readonly string[]): void {
    if (typing.length === this.#typing.length && typing.every((id, i) => id === this.#typing[i]))
      return;
    this.#typing = typing;
    this.#typingTouched = true;
  }
}
