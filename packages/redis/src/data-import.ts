import type { LogPolicy, PortableData } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import { importInbox } from "./inbox-import.ts";
import { KeyWriter } from "./key-writer.ts";
import { Keys } from "./keys.ts";
import { importLog } from "./log-import.ts";
import { importQueue } from "./queue-import.ts";
import { RedisClock } from "./redis-clock.ts";
import { RedisDurableSubscribers } from "./redis-durable-subscribers.ts";
import { RedisDurations } from "./redis-durations.ts";
import { RedisHoldings } from "./redis-holdings.ts";
import { RedisInbox } from "./redis-inbox.ts";
import type { RedisLink } from "./redis-link.ts";
import { RedisOperationIndex } from "./redis-operation-index.ts";
import { RedisQuestions } from "./redis-questions.ts";
import { RedisQueues } from "./redis-queues.ts";
import { RedisRecords } from "./redis-records.ts";
import { RedisRevocations } from "./redis-revocations.ts";
import { RedisSingleUse } from "./redis-single-use.ts";
import { RedisTargets } from "./redis-targets.ts";
import { scripts } from "./script.ts";

const afterlifeMs = 60_000;
/** Time for which a prefix remembers whose data were moved into it, in milliseconds. */
const rememberedMs = 24 * 3_600_000;
/** Number of items that are on their way at once. */
const atOnce = 100;
/** Number of slots through which all masters of a cluster are reached. */
const lookedAt = 64;
/** Bound that no data reach. */
const unbounded = Number.MAX_SAFE_INTEGER;
const deliveriesKeptMs = 30 * 86_400_000;

/** Options of {@link importData}. */
export interface ImportOptions {
  /** Prefix of all keys; default `milepost`. */
  readonly prefix?: string;
  /** Writes over a prefix that has keys; its other keys stay. Default false. */
  readonly force?: boolean;
  /** Returns the policy of a channel, of which the roll-up matters. */
  readonly policyOf: (channel: string) => Pick<LogPolicy, "rollUp">;
  readonly randomId: (length: number) => string;
  /** Called with each part that is written, and the number of its items. */
  readonly onPart?: (part: string, items: number) => void;
}

/**
 * Writes all data of another store into Redis. Logs keep their epochs, offsets, tags and keys, so readers resume; leases keep
 * their tokens and fences, and queues their order. A move that was interrupted is repeated with the same data.
 *
 * Rejects with `already_exists` when the prefix has keys, unless they are of a move of the same data that has not finished.
 */
export async function importData(
  link: RedisLink,
  data: PortableData,
  { prefix = "milepost", force = false, policyOf, randomId, onPart = () => {} }: ImportOptions,
): Promise<void> {
  const keys = new Keys(prefix);
  const writer = new KeyWriter(link);
  const clock = new RedisClock({ now: () => Date.now(), monotonic: () => performance.now() }, () =>
    link.now(),
  );
  const random = { fraction: () => 0.5, id: randomId };
  const begun = `begun ${data.id}`;
  if (!force) await requireFree(link, keys, prefix, begun, data, policyOf);
  await writer.string(keys.move(), rememberedMs, begun);
  const now = () => Number(clock.now());

  const part = async <T>(
    name: string,
    items: Iterable<T>,
    write: (item: T) => Promise<unknown>,
  ) => {
    let count = 0;
    let waiting: Promise<unknown>[] = [];
    for (const item of items) {
      count++;
      waiting.push(write(item));
      if (waiting.length < atOnce) continue;
      await Promise.all(waiting);
      waiting = [];
    }
    await Promise.all(waiting);
    onPart(name, count);
  };
  const inOrder = async <T>(
    name: string,
    items: Iterable<T>,
    write: (item: T) => Promise<unknown>,
  ) => {
    let count = 0;
    for (const item of items) {
      await write(item);
      count++;
    }
    onPart(name, count);
  };

  await inOrder("logs", data.logs(), (log) =>
    importLog(writer, keys, log, { ...anyPolicy, ...policyOf(log.channel) }, now()),
  );
  await part("leases", data.leases(), (lease) => {
    const fields = {
      ...(lease.isReleased ? {} : { token: lease.token }),
      fence: lease.fence,
      ttl: lease.ttlMs,
      ends: (now() + lease.endsInMs).toFixed(0),
      since: lease.since,
      holder: lease.holder ?? "",
    };
    return writer.hash(keys.lease(lease.name), lease.leftMs, texts(fields));
  });
  const records = new RedisRecords(link, keys, clock);
  await part("records", data.records(), ({ space, name, value, leftMs }) =>
    records.put(space, name, value, leftMs),
  );
  const singleUse = new RedisSingleUse(link, keys, clock);
  await part("used names", data.usedNames(), ({ space, name, leftMs }) =>
    singleUse.claim(space, name, leftMs),
  );
  const holdings = new RedisHoldings(link, keys, clock);
  await part("holdings", data.holdings(), ({ owner, bytes, ...rest }) =>
    // A repeated move must not count twice, and an item never shrinks.
    holdings.hold(owner, [{ ...rest, bytes, maxBytes: bytes }], unbounded),
  );
  const targets = new RedisTargets(link, keys, clock);
  await part("targets", data.targets(), ({ owner, id, value, leftMs }) =>
    targets.put(owner, { id, value }, { maxTargets: unbounded, keepMs: leftMs }),
  );
  await link.remove(keys.revocations());
  const revocations = new RedisRevocations(link, keys, clock, random);
  await inOrder("revocations", data.revocations(), ({ leftMs, ...revocation }) =>
    revocations.add(revocation, leftMs),
  );
  await importDurations(link, keys, clock, data, inOrder);
  await importDeadLetters(writer, keys, data, now(), onPart);
  await importDeliveries(writer, keys, data, now(), onPart);
  const durable = new RedisDurableSubscribers(link, keys, clock);
  await part("durable subscribers", data.subscribers(), ({ key, fence, state, leftMs }) =>
    durable.restore(key, fence, state, {
      maxPerChannel: unbounded,
      maxReplays: unbounded,
      keepMs: leftMs,
    }),
  );
  const operations = new RedisOperationIndex(link, keys, clock);
  await part("operations", data.operations(), ({ operation, leftMs, dueInMs }) =>
    operations.put(operation, leftMs, dueInMs),
  );
  const questions = new RedisQuestions(link, keys, clock);
  await inOrder("questions", data.questions(), async ({ question, key, leftMs, dueInMs }) => {
    const { revision, status, ...asked } = question;
    const times = {
      keepMs: leftMs,
      ...(dueInMs === undefined ? {} : { dueInMs: Math.max(0, dueInMs) }),
    };
    const bounds = { maxOpen: unbounded, maxPerOperation: unbounded, maxQuestions: unbounded };
    await questions.add({ ...asked, ...(key === undefined ? {} : { key }) }, times, bounds);
    for (let n = 1; n <= revision; n++) {
      await questions.change(
        { ...question, revision: n, status: n < revision ? "open" : status },
        times,
      );
    }
  });
  await inOrder("inboxes", data.inboxes(), (inbox) => importInbox(writer, keys, inbox, now()));
  const inboxes = new RedisInbox(link, keys, clock);
  await part("roles", data.roles(), ({ owner, roles, leftMs }) =>
    inboxes.setRoles(owner, roles, leftMs),
  );
  await part("members", data.members(), ({ owner, member, leftMs }) =>
    inboxes.enrol(owner, member, leftMs, unbounded),
  );
  await part("seen positions", data.seen(), ({ owner, seen, leftMs }) =>
    inboxes.see(owner, seen, unbounded, leftMs),
  );
  const queues = new RedisQueues(link, keys, clock);
  await inOrder("queues", data.queues(), async (queue) => {
    // The port writes the name and the settings; then everything is as it was.
    await queues.configure(queue.name, queue.kept.settings, unbounded);
    await importQueue(writer, keys, queue, now() - data.now);
  });
  await writer.string(keys.move(), rememberedMs, `done ${data.id}`);
}

const anyPolicy: LogPolicy = { maxEntries: 1, maxAgeMs: 1, dedupeMs: 1 };

/** Rejects when a prefix has keys that are not of a move of the same data, which was interrupted. */
async function requireFree(
  link: RedisLink,
  keys: Keys,
  prefix: string,
  begun: string,
  data: PortableData,
  policyOf: ImportOptions["policyOf"],
): Promise<void> {
  const look = (names: readonly string[], ...args: readonly string[]) =>
    link.run(scripts.prefixUsed, names, args);
  if ((await look([keys.move()], "value", begun)) === 1) return;
  const used = () =>
    new MilepostError(
      "already_exists",
      `Redis has keys with the prefix ${prefix} already; choose another with MILEPOST_REDIS_PREFIX, or write over them with --force`,
    );
  const slots = link.publishCommand === "SPUBLISH" ? lookedAt : 1;
  let cursor: unknown = "0";
  for (let slot = 0; slot < slots && cursor !== "unseen"; slot++) {
    cursor = "0";
    do {
      cursor = await look([keys.slot(slot)], "scan", keys.pattern(), String(cursor));
      if (cursor === 1) throw used();
    } while (cursor !== "0" && cursor !== "unseen");
  }
  if (cursor !== "unseen") return;
  // The user may not look through all keys, as the documented one may not. Then those are looked for that any use leaves.
  for (const names of keys.usual()) if ((await look(names, "exists")) === 1) throw used();
  for (const { channel } of data.logs()) {
    const names = keys.log(channel, { ...anyPolicy, ...policyOf(channel) });
    if ((await look(names, "exists")) === 1) throw used();
  }
}

async function importDurations(
  link: RedisLink,
  keys: Keys,
  clock: RedisClock,
  data: PortableData,
  inOrder: <T>(
    name: string,
    items: Iterable<T>,
    write: (item: T) => Promise<unknown>,
  ) => Promise<void>,
): Promise<void> {
  await link.remove(keys.durations());
  const durations = new RedisDurations(link, keys, clock);
  const bounds = { maxRecords: unbounded, maxCount: unbounded, maxKinds: unbounded };
  await inOrder("durations", data.durations(), async ({ kind, records, counts, leftMs }) => {
    // The newest record comes first, and the counts come with it.
    for (const [at, record] of [...records].reverse().entries()) {
      const isNewest = at === records.length - 1;
      const finished = { record, counts: isNewest ? counts : {} };
      await durations.add(kind, finished, { ...bounds, keepMs: leftMs });
    }
  });
}

async function importDeadLetters(
  writer: KeyWriter,
  keys: Keys,
  data: PortableData,
  now: number,
  onPart: (part: string, items: number) => void,
): Promise<void> {
  const [records = "", order = "", ages = "", sources = "", facts = "", counts = ""] =
    keys.deadLetters();
  const all = [...data.deadLetters()];
  onPart("dead letters", all.length);
  const ttlMs = Math.max(0, ...all.map(({ leftMs }) => leftMs)) + afterlifeMs;
  await writer.hash(
    records,
    ttlMs,
    all.map(({ leftMs: _left, number: _number, length: _length, id, ...letter }) => [
      id,
      JSON.stringify(letter),
    ]),
  );
  await writer.sortedSet(
    order,
    ttlMs,
    all.map(({ id, number }) => [number, id]),
  );
  await writer.sortedSet(
    ages,
    ttlMs,
    all.map(({ id, leftMs }) => [now + leftMs, id]),
  );
  await writer.hash(
    sources,
    ttlMs,
    all.map(({ id, source }) => [source, id]),
  );
  await writer.hash(
    facts,
    ttlMs,
    all.map(({ id, length, source }) => [id, `${length} ${source}`]),
  );
  const length = all.reduce((sum, letter) => sum + letter.length, 0);
  const number = Math.max(0, ...all.map((letter) => letter.number));
  const counted = { number, length, dropped: data.droppedDeadLetters };
  const isCounted = number > 0 || counted.dropped > 0;
  await writer.hash(counts, ttlMs, isCounted ? texts(counted) : []);
}

async function importDeliveries(
  writer: KeyWriter,
  keys: Keys,
  data: PortableData,
  now: number,
  onPart: (part: string, items: number) => void,
): Promise<void> {
  const [contents = "", due = "", takes = "", finished = ""] = keys.deliveries();
  const all = [...data.deliveries()];
  const ended = [...data.finishedDeliveries()];
  onPart("deliveries", all.length);
  await writer.hash(
    contents,
    deliveriesKeptMs,
    all.map(({ id, content }) => [id, content]),
  );
  await writer.sortedSet(
    due,
    deliveriesKeptMs,
    all.map(({ id, dueInMs }) => [now + dueInMs, id]),
  );
  const tried = all.filter(({ attempts }) => attempts > 0);
  await writer.hash(
    takes,
    deliveriesKeptMs,
    tried.map(({ id, attempts }) => [id, `${attempts} -`]),
  );
  const keptMs = Math.max(deliveriesKeptMs, ...ended.map(({ leftMs }) => leftMs + afterlifeMs));
  await writer.sortedSet(
    finished,
    keptMs,
    ended.map(({ id, leftMs }) => [now + leftMs, id]),
  );
}

/** Returns the fields of an object as texts. */
function texts(fields: Readonly<Record<string, string | number>>): (readonly [string, string])[] {
  return Object.entries(fields).map(([name, value]) => [name, String(value)]);
}
