import { hash } from "node:crypto";
import type { LogPolicy } from "@milepost/engine";

/**
 * Names of all keys and pub/sub channels of Milepost in Redis. All begin with one prefix. The keys of one
 * script call share a hash tag.
 */
export class Keys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Returns the keys of a channel's log: meta, stream and state. */
  log(channel: string, policy: LogPolicy): readonly [meta: string, stream: string, state: string] {
    const tagged = `${this.#prefix}:{${hashTag(channel, policy)}}:${channel}`;
    return [`${tagged}:log`, `${tagged}:entries`, `${tagged}:state`];
  }

  /**
   * Returns the key under which Redis remembers that a publisher used this idempotency key. Publisher and key
   * are hashed, since both come from outside.
   */
  dedupe(channel: string, policy: LogPolicy, publisher: string, key: string): string {
    return this.dedupeNamed(channel, policy, `${publisher.length}:${publisher}${key}`);
  }

  /** Returns the key of an idempotency key by its name: the length of the publisher, a colon, the publisher and the key. */
  dedupeNamed(channel: string, policy: LogPolicy, name: string): string {
    const tagged = `${this.#prefix}:{${hashTag(channel, policy)}}:${channel}`;
    return `${tagged}:key:${digest(name)}`;
  }

  /** Returns the key by which a move of data into this prefix is recognised. */
  move(): string {
    return `${this.#prefix}:{move}:of`;
  }

  /** Returns a key of this prefix in one of many slots. */
  slot(number: number): string {
    return `${this.#prefix}:{slot:${number}}:look`;
  }

  /** Returns keys of which any use of the prefix leaves some, each list with one hash tag. */
  usual(): readonly (readonly string[])[] {
    return [
      [this.move()],
      this.nodes(),
      this.operations(),
      this.revocations(),
      this.questions(),
      this.deadLetters(),
      this.deliveries(),
      this.durations(),
      [this.queueNames()],
    ];
  }

  /** Returns a pattern that all keys of this prefix match. */
  pattern(): string {
    return `${this.#prefix.replace(/[\\*?[\]]/g, "\\$&")}:*`;
  }

  /** Returns the pub/sub channel that carries a channel's entries. */
  bus(channel: string, policy: LogPolicy): string {
    return `${this.#prefix}:{${hashTag(channel, policy)}}:bus:${channel}`;
  }

  /** Returns the channel whose entries a pub/sub channel carries. */
  channelOfBus(bus: string): string {
    return bus.slice(bus.indexOf("}:bus:") + 6);
  }

  /** Returns the keys of a channel's presence, in the order that presence.lua expects. */
  presence(channel: string): readonly string[] {
    const tagged = `${this.#prefix}:{${channel}}:presence`;
    const parts = ["members", "about", "holders", "holds", "held", "lingering", "typing"];
    return [tagged, ...[...parts, "typists"].map((part) => `${tagged}:${part}`)];
  }

  /** Returns the pub/sub channel that carries the changes of a channel's presence. */
  presenceBus(channel: string): string {
    return `${this.#prefix}:{${channel}}:presence:${channel}`;
  }

  /** Returns the Milepost channel that a presence pub/sub channel belongs to. */
  channelOfPresence(bus: string): string {
    return bus.slice(bus.indexOf("}:presence:") + 11);
  }

  /**
   * Returns the key of a durable subscriber, and the key with the names of all durable subscribers of its
   * channel.
   */
  durable(channel: string, name: string): readonly [subscriber: string, names: string] {
    const tagged = `${this.#prefix}:{${channel}}:durable`;
    return [`${tagged}:of:${digest(name)}`, `${tagged}:names`];
  }

  /** Returns the keys of the dead letters, in the order that letters.lua expects. */
  deadLetters(): readonly string[] {
    const parts = ["records", "order", "ages", "sources", "facts", "counts"];
    return parts.map((part) => `${this.#prefix}:{letters}:${part}`);
  }

  /** Returns the keys of the deliveries to people who are away, in the order that deliveries.lua expects. */
  deliveries(): readonly string[] {
    const parts = ["contents", "due", "takes", "finished", "number"];
    return parts.map((part) => `${this.#prefix}:{deliveries}:${part}`);
  }

  /** Returns the key of the targets of an owner. The owner is hashed, since it comes from outside. */
  targets(owner: string): string {
    return `${this.#prefix}:{targets:${digest(owner)}}`;
  }

  /** Returns the pub/sub channel of signals to all nodes, or to one node. */
  signals(node?: string): string {
    const to = node === undefined ? "all" : `node:${digest(node)}`;
    return `${this.#prefix}:{signals}:signals:${to}`;
  }

  /** Returns the keys of the revocations: metadata, entries and their expiry times. */
  revocations(): readonly [meta: string, entries: string, ends: string] {
    const tagged = `${this.#prefix}:{revocations}`;
    return [`${tagged}:meta`, `${tagged}:entries`, `${tagged}:ends`];
  }

  /**
   * Returns the keys of the node registry: the nodes' registrations, and the time until which each node is
   * live.
   */
  nodes(): readonly [nodes: string, ends: string] {
    return [`${this.#prefix}:{nodes}:nodes`, `${this.#prefix}:{nodes}:ends`];
  }

  /** Returns the key of a node's connections. */
  connections(node: string): string {
    return `${this.#prefix}:{node:${digest(node)}}:connections`;
  }

  /**
   * Returns the key of the connections of a user or session, and its bucket. Keys of one bucket share a slot.
   */
  owner(kind: "user" | "session", id: string): { readonly bucket: string; readonly key: string } {
    const hash = digest(id);
    const bucket = hash.slice(0, 1);
    return { bucket, key: `${this.#prefix}:{owners:${bucket}}:${kind}:${hash}` };
  }

  /** Returns the keys of what an owner holds: bytes by item, and the time until which each item is held. */
  holdings(owner: string): readonly [items: string, ends: string] {
    const tagged = `${this.#prefix}:{holdings:${digest(owner)}}`;
    return [`${tagged}:items`, `${tagged}:ends`];
  }

  /** Returns the name of an item in those keys. It is hashed, since names come from outside. */
  heldItem(item: string): string {
    return digest(item);
  }

  /**
   * Returns the keys of a queue in the order that queue.lua expects, with the statistics of an hour that began so many
   * hours after 1970. Names of queues are hashed, since they come from outside.
   */
  queue(queue: string, hour: number): readonly string[] {
    const tagged = this.#queue(queue);
    const parts = ["meta", "leases", "leaving", "returned", "workers", "slots"];
    return [...parts.map((part) => `${tagged}:${part}`), this.queueHour(queue, hour)];
  }

  /** Returns the keys of one ticket, of its owner, of an idempotency key and of the key of a claim, and of a lane. */
  queueParts(queue: string) {
    const tagged = this.#queue(queue);
    return {
      lane: (name: string) => `${tagged}:lane:${name}`,
      ticket: (item: string) => `${tagged}:ticket:${item}`,
      owner: (item: string) => `${tagged}:owner:${item}`,
      key: (item: string) => `${tagged}:key:${item}`,
      claim: (item: string) => `${tagged}:claim:${item}`,
    };
  }

  /** Returns the name by which the scripts of a queue know a text that is a pair already, as {@link queueItem} makes it. */
  queuePair(pair: string): string {
    return digest(pair);
  }

  /** Returns the key of the statistics of one hour of a queue. */
  queueHour(queue: string, hour: number): string {
    return `${this.#queue(queue)}:hour:${hour}`;
  }

  /** Returns the key of the names of all queues. */
  queueNames(): string {
    return `${this.#prefix}:{queues}:names`;
  }

  /** Returns the name by which the scripts of a queue know tickets, owners and keys: a hash of any texts. */
  queueItem(...texts: readonly string[]): string {
    return digest(texts.map((text) => `${text.length}:${text}`).join(""));
  }

  #queue(queue: string): string {
    return `${this.#prefix}:{queue:${digest(queue)}}`;
  }

  /**
   * Returns the keys of an inbox, in the order that inbox.lua expects. The inboxes of one bucket share a slot and the last
   * key, which has the time at which each is due.
   */
  inbox(owner: string): readonly string[] {
    const tagged = this.#inbox(owner);
    const parts = ["items", "order", "notes", "unread", "open", "snoozed", "facts", "pending"];
    return [
      ...[...parts, "closed"].map((part) => `${tagged}:${part}`),
      this.inboxDue(bucketOf(owner)),
    ];
  }

  /** Returns the key with the times at which the inboxes of a bucket, from 0 to 15, are due. */
  inboxDue(bucket: number): string {
    return `${this.#prefix}:{inbox:${bucket}}:due`;
  }

  /** Returns the key of a part that an inbox has beside its items: `roles`, `members` or `seen`. */
  inboxPart(owner: string, part: "roles" | "members" | "seen"): string {
    return `${this.#inbox(owner)}:${part}`;
  }

  #inbox(owner: string): string {
    return `${this.#prefix}:{inbox:${bucketOf(owner)}}:${digest(owner)}`;
  }

  /** Returns the keys of the questions, in the order that questions.lua expects. */
  questions(): readonly string[] {
    const parts = ["records", "ages", "settled", "due", "keys"];
    return parts.map((part) => `${this.#prefix}:{questions}:${part}`);
  }

  /** Returns the key of all questions of an operation, or of the open ones of a list. */
  questionList(kind: "operation" | "open", name: string): string {
    return `${this.#prefix}:{questions}:${kind}:${digest(name)}`;
  }

  /** Returns the field of the key with which an operation asked a question. */
  questionKey(operationId: string, key: string): string {
    return digest(`${operationId.length}:${operationId}${key}`);
  }

  /** Returns the keys of the durations of past cases, in the order that the scripts expect. */
  durations(): readonly [records: string, counts: string, ends: string] {
    const tagged = `${this.#prefix}:{durations}`;
    return [`${tagged}:records`, `${tagged}:counts`, `${tagged}:ends`];
  }

  lease(name: string): string {
    return `${this.#prefix}:lease:${digest(name)}`;
  }

  /** Returns the key of a record that ends by itself. The name is hashed, since it comes from outside. */
  record(space: string, name: string): string {
    return `${this.#prefix}:record:${space}:${digest(name)}`;
  }

  /** Returns the key of a name that is used once. The name is hashed, since it comes from outside. */
  singleUse(space: string, name: string): string {
    return `${this.#prefix}:used:${digest(`${space.length}:${space}${name}`)}`;
  }

  /** Returns the keys of the operation index: records, ages, due times and open changes of parents. */
  operations(): readonly [records: string, ages: string, due: string, changes: string] {
    const tagged = `${this.#prefix}:{operations}`;
    return [`${tagged}:records`, `${tagged}:ages`, `${tagged}:due`, `${tagged}:changes`];
  }

  /** Returns the key of a list of operations: all of them, or those of one owner, such as `user:7`. */
  operationList(owner?: string): string {
    const [kind = "", ...id] = owner?.split(":") ?? [];
    const name = owner === undefined ? "all" : `${kind}:${digest(id.join(":"))}`;
    return `${this.#prefix}:{operations}:list:${name}`;
  }
}

/**
 * Returns the hash tag of a channel: the prefix of its roll-up, if it has one or is one, otherwise the channel.
 */
function hashTag(channel: string, { rollUp }: LogPolicy): string {
  if (rollUp !== undefined) return channel.split(":", rollUp.segments).join(":");
  return channel.endsWith(":*") ? channel.slice(0, -2) : channel;
}

/** Number of buckets that the inboxes are in. */
export const inboxBuckets = 16;

function bucketOf(owner: string): number {
  return digest(owner).charCodeAt(0) % inboxBuckets;
}

/** Returns a short hash. It reads UTF-16, because UTF-8 makes one text of all halves of surrogate pairs. */
function digest(text: string): string {
  return hash("sha256", Buffer.from(text, "utf16le"), "base64url").slice(0, 27);
}
