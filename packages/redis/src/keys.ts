import { createHash } from "node:crypto";
import type { LogPolicy } from "@milepost/engine";

/** The names of everything Milepost keeps in Redis: all begin with one prefix, and what one script touches shares a hash tag. */
export class Keys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Meta, stream and state of a channel's log. */
  log(channel: string, policy: LogPolicy): readonly [meta: string, stream: string, state: string] {
    const tagged = `${this.#prefix}:{${hashTag(channel, policy)}}:${channel}`;
    return [`${tagged}:log`, `${tagged}:entries`, `${tagged}:state`];
  }

  /** What remembers a publisher's key; hashed, since both come from outside. */
  dedupe(channel: string, policy: LogPolicy, publisher: string, key: string): string {
    const tagged = `${this.#prefix}:{${hashTag(channel, policy)}}:${channel}`;
    return `${tagged}:key:${digest(`${publisher.length}:${publisher}${key}`)}`;
  }

  /** The pub/sub channel that carries a channel's entries. */
  bus(channel: string, policy: LogPolicy): string {
    return `${this.#prefix}:{${hashTag(channel, policy)}}:bus:${channel}`;
  }

  /** The channel whose entries a pub/sub channel carries. */
  channelOfBus(bus: string): string {
    return bus.slice(bus.indexOf("}:bus:") + 6);
  }

  /** What a room of presence is kept in. */
  presence(channel: string): readonly string[] {
    const tagged = `${this.#prefix}:{${channel}}:presence`;
    const parts = ["members", "about", "holders", "holds", "held", "lingering", "typing"];
    return [tagged, ...[...parts, "typists"].map((part) => `${tagged}:${part}`)];
  }

  /** The pub/sub channel that carries the news of a channel's presence. */
  presenceBus(channel: string): string {
    return `${this.#prefix}:{${channel}}:presence:${channel}`;
  }

  /** The channel whose presence a pub/sub channel tells of. */
  channelOfPresence(bus: string): string {
    return bus.slice(bus.indexOf("}:presence:") + 11);
  }

  /** A durable subscriber of a channel, and the names of all of them. */
  durable(channel: string, name: string): readonly [subscriber: string, names: string] {
    const tagged = `${this.#prefix}:{${channel}}:durable`;
    return [`${tagged}:of:${digest(name)}`, `${tagged}:names`];
  }

  /** What the dead letters are kept in. */
  deadLetters(): readonly string[] {
    const parts = ["records", "order", "ages", "sources", "facts", "counts"];
    return parts.map((part) => `${this.#prefix}:{letters}:${part}`);
  }

  /** The pub/sub channel of what is said to all nodes, or to one. */
  signals(node?: string): string {
    const to = node === undefined ? "all" : `node:${digest(node)}`;
    return `${this.#prefix}:{signals}:signals:${to}`;
  }

  /** Meta, entries and ends of what was revoked. */
  revocations(): readonly [meta: string, entries: string, ends: string] {
    const tagged = `${this.#prefix}:{revocations}`;
    return [`${tagged}:meta`, `${tagged}:entries`, `${tagged}:ends`];
  }

  /** What the nodes say of themselves, and until when each lives. */
  nodes(): readonly [nodes: string, ends: string] {
    return [`${this.#prefix}:{nodes}:nodes`, `${this.#prefix}:{nodes}:ends`];
  }

  /** The connections of a node. */
  connections(node: string): string {
    return `${this.#prefix}:{node:${digest(node)}}:connections`;
  }

  /** The connections of a user or session; those of one bucket share a slot. */
  owner(kind: "user" | "session", id: string): { readonly bucket: string; readonly key: string } {
    const hash = digest(id);
    const bucket = hash.slice(0, 1);
    return { bucket, key: `${this.#prefix}:{owners:${bucket}}:${kind}:${hash}` };
  }

  lease(name: string): string {
    return `${this.#prefix}:lease:${digest(name)}`;
  }

  /** Records, ages and due times of the operation index. */
  operations(): readonly [records: string, ages: string, due: string] {
    const tagged = `${this.#prefix}:{operations}`;
    return [`${tagged}:records`, `${tagged}:ages`, `${tagged}:due`];
  }

  /** A list of operations: all of them, or those of an owner. */
  operationList(kind?: "session" | "user" | "producer", id = ""): string {
    const name = kind === undefined ? "all" : `${kind}:${digest(id)}`;
    return `${this.#prefix}:{operations}:list:${name}`;
  }
}

/** What a channel shares a slot by: itself, or the prefix that it is rolled up into. */
function hashTag(channel: string, { rollUp }: LogPolicy): string {
  if (rollUp !== undefined) return channel.split(":", rollUp.segments).join(":");
  return channel.endsWith(":*") ? channel.slice(0, -2) : channel;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 27);
}
