import type {
  DurableBounds,
  DurableChange,
  DurableClaim,
  DurableState,
  DurableSubscribers,
  PendingEntry,
  PendingReplay,
  Saved,
  SubscriberKey,
  TagRun,
} from "@milepost/engine";
import type { Position } from "@milepost/protocol";
import type { Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { type Script, scripts } from "./script.ts";

/** Durable subscribers of all nodes. Those of one channel share a hash slot. */
export class RedisDurableSubscribers implements DurableSubscribers {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: RedisClock;

  constructor(link: RedisLink, keys: Keys, clock: RedisClock) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
  }

  async claim(
    key: SubscriberKey,
    start: Position,
    { maxPerChannel, keepMs }: DurableBounds,
  ): Promise<DurableClaim | undefined> {
    const args = [JSON.stringify(start), String(maxPerChannel), String(keepMs)];
    const answer = await this.#run(scripts.durableClaim, key, args);
    if (answer === null) return undefined;
    const [isNew, flat] = answer as [number, readonly string[]];
    const fields = fieldsOf(flat);
    return { fence: Number(fields.get("fence")), isNew: isNew === 1, state: stateOf(fields) };
  }

  async save(
    key: SubscriberKey,
    fence: number,
    change: DurableChange,
    { keepMs }: DurableBounds,
  ): Promise<Saved> {
    const { revision, acked, sent, repeatsTo, tags, forgotten } = change;
    const { pending, settled, replays, replayed } = change;
    const removed = [
      ...settled.map(pendingField),
      ...replayed.map(replayField),
      ...forgotten.map(tagsField),
    ];
    const answer = await this.#run(scripts.durableSave, key, [
      String(fence),
      String(revision),
      String(keepMs),
      JSON.stringify(acked),
      JSON.stringify(sent),
      String(repeatsTo),
      String(removed.length),
      ...removed,
      ...tags.flatMap(tagsPair),
      ...pending.flatMap((entry) => [pendingField(entry.position.offset), JSON.stringify(entry)]),
      ...replays.flatMap((replay) => [replayField(replay.letter), JSON.stringify(replay)]),
    ]);
    return answer as Saved;
  }

  async restore(
    key: SubscriberKey,
    fence: number,
    { revision, acked, sent, repeatsTo, tags, pending, replays }: DurableState,
    { keepMs, maxPerChannel }: DurableBounds,
  ): Promise<boolean> {
    const answer = await this.#run(scripts.durableRestore, key, [
      String(fence),
      String(revision),
      String(keepMs),
      JSON.stringify(acked),
      JSON.stringify(sent),
      String(repeatsTo),
      String(maxPerChannel),
      ...tags.flatMap(tagsPair),
      ...pending.flatMap((entry) => [pendingField(entry.position.offset), JSON.stringify(entry)]),
      ...replays.flatMap((replay) => [replayField(replay.letter), JSON.stringify(replay)]),
    ]);
    return answer === 1;
  }

  async look(key: SubscriberKey, fence: number, revision: number, { keepMs }: DurableBounds) {
    const args = [String(fence), String(revision), String(keepMs)];
    const answer = await this.#run(scripts.durableLook, key, args);
    if (typeof answer === "string") return answer as "taken" | "lost";
    return stateOf(fieldsOf(answer as readonly string[])).replays;
  }

  async replay(key: SubscriberKey, replay: PendingReplay, { maxReplays }: DurableBounds) {
    const args = [replayField(replay.letter), JSON.stringify(replay), String(maxReplays)];
    const answer = await this.#run(scripts.durableReplay, key, args);
    return answer as "added" | "unknown" | "full";
  }

  async get(key: SubscriberKey): Promise<DurableState | undefined> {
    const answer = await this.#run(scripts.durableGet, key, []);
    return answer === null ? undefined : stateOf(fieldsOf(answer as readonly string[]));
  }

  #run(script: Script, key: SubscriberKey, args: readonly string[]): Promise<unknown> {
    // The combined name is unambiguous: a subscriber's name has no colon, while its owner may have any
    // character.
    const name = `${key.name}:${key.owner}`;
    const keys = this.#keys.durable(key.channel, name);
    return this.#link.run(script, keys, [this.#clock.now(), name, ...args]);
  }
}

function pendingField(offset: number): string {
  return `p${offset}`;
}

function tagsField(first: number): string {
  return `t${first}`;
}

/** Returns a field and its value. A tag has no dot, since it is a part of a position. */
function tagsPair({ first, tags }: TagRun): readonly [string, string] {
  return [tagsField(first), tags.join(".")];
}

function replayField(deadLetter: string): string {
  return `r${deadLetter}`;
}

function fieldsOf(flat: readonly string[]): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (let i = 0; i < flat.length; i += 2) fields.set(flat[i] ?? "", flat[i + 1] ?? "");
  return fields;
}

function stateOf(fields: ReadonlyMap<string, string>): DurableState {
  const tags: TagRun[] = [];
  const pending: PendingEntry[] = [];
  const replays: PendingReplay[] = [];
  for (const [field, text] of fields) {
    if (/^t\d/.test(field)) tags.push({ first: Number(field.slice(1)), tags: text.split(".") });
    else if (/^p\d/.test(field)) pending.push(JSON.parse(text) as PendingEntry);
    else if (/^r\d/.test(field)) replays.push(JSON.parse(text) as PendingReplay);
  }
  return {
    revision: Number(fields.get("revision") ?? 0),
    acked: JSON.parse(fields.get("acked") ?? "") as Position,
    sent: JSON.parse(fields.get("sent") ?? "") as Position,
    repeatsTo: Number(fields.get("again") ?? 0),
    tags: tags.sort((a, b) => a.first - b.first),
    pending: pending.sort((a, b) => a.position.offset - b.position.offset),
    // The id of a dead letter begins with a rising number, so the replays are sorted by when their dead letters
    // were put.
    replays: replays.sort((a, b) => Number.parseInt(a.letter, 10) - Number.parseInt(b.letter, 10)),
  };
}
