import type { PresenceBroadcast } from "@milepost/engine";
import type {
  PresenceChange,
  PresenceList,
  PresenceMessage,
  PresentMember,
} from "@milepost/protocol";

/** How some news fits to what a node knows. */
export type BroadcastFit = "next" | "known" | "hole";

/** Who is in a channel, as a node knows it, and what of that it has yet to tell those who watch. */
export class PresenceView {
  readonly #channel: string;
  readonly #names: boolean;
  #epoch = "";
  #version = 0;
  /** Those listed, longest present first; stays empty where only the count is told. */
  #members = new Map<string, PresentMember>();
  #count = 0;
  #typing: readonly string[] = [];
  #list: PresenceList | undefined;
  #told = { epoch: "", version: 0, count: 0 };
  /** Whoever changed since it was told. */
  #touched = new Set<string>();
  #typingTouched = false;

  /** `names` is whether members are told by name. */
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

  /** Whether it is at least as new. */
  covers({ epoch, version }: { readonly epoch: string; readonly version: number }): boolean {
    return this.#epoch === epoch && this.#version >= version;
  }

  /** Takes the news of the store, if it is the next. */
  take(notifier: PresenceBroadcast): BroadcastFit {
    if (notifier.epoch !== this.#epoch) return "hole";
    if (notifier.version <= this.#version) return "known";
    if (notifier.version > this.#version + 1) return "hole";
    const { version, joined, left, count, typing } = notifier;
    this.#list = undefined;
    this.#version = version;
    this.#count = count;
    if (!this.#names) return "next";
    for (const id of left) this.#remove(id);
    for (const member of joined) this.#put(member);
    if (typing !== undefined) this.#type(typing);
    return "next";
  }

  /** Takes what the store says as a whole, unless it is older. */
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
    // All from the first that is new or stands elsewhere: so the order is told too.
    if (changed >= 0) for (const { id } of members.slice(changed)) this.#touched.add(id);
    for (const id of before.keys()) if (!this.#members.has(id)) this.#touched.add(id);
    this.#type(typing);
  }

  /** Nobody watches: what is known now counts as told. */
  settle(): void {
    this.#told = { epoch: this.#epoch, version: this.#version, count: this.#count };
    this.#touched.clear();
    this.#typingTouched = false;
  }

  /** What is to be told, as one message; undefined when nothing is. */
  applyBroadcast(): PresenceMessage | undefined {
    const message = this.#changes();
    if (message !== undefined) this.settle();
    return message;
  }

  /** The whole list as a message. */
  whole(): PresenceMessage {
    return { type: "presence", channel: this.#channel, ...this.list };
  }

  #changes(): PresenceMessage | undefined {
    const told = this.#told;
    if (told.epoch !== this.#epoch) return this.whole();
    const isSame = this.#touched.size === 0 && !this.#typingTouched && told.count === this.#count;
    if (isSame) return undefined;
    const touched = this.#touched;
    // In the order of the list, which is that of the reader's list then too.
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
