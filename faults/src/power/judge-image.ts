import type { Engine, LogSlice } from "@milepost/engine";
import type { Publication } from "@milepost/protocol";
import type { Fact } from "./fact.ts";
import { durableChannel, durableOwner, policies, queueName, space } from "./stored-policies.ts";

type Entry = Extract<Fact, { kind: "entry" }>;

/** Entries that are appended to a log at most, so that it passes positions that it has lost. */
const passedAtMost = 40;

/** Facts that an image must hold, and those that it may hold. */
export interface Expected {
  /** Facts that must be true. */
  readonly required: readonly Fact[];
  /** Facts that were known when the power was lost. */
  readonly known: readonly Fact[];
}

/**
 * Returns what is wrong with an engine that was opened on what a loss of power has left. It knows nothing of how the engine
 * stores: it asks the ports alone.
 */
export async function judgeImage(
  engine: Engine,
  { required, known }: Expected,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const channel of Object.keys(policies)) {
    const of = (facts: readonly Fact[]) =>
      facts.filter((fact) => fact.kind === "entry" && fact.channel === channel) as Entry[];
    const log = await readAll(engine, channel);
    wrong.push(...wrongInLog(channel, log, of(required)));
    wrong.push(...(await wrongAfterwards(engine, channel, log, of(required), of(known))));
  }
  for (const fact of required) {
    if (fact.kind !== "entry" && !(await holds(engine, fact))) {
      wrong.push(`lost: ${JSON.stringify({ ...fact, at: undefined })}`);
    }
  }
  return wrong;
}

async function readAll(engine: Engine, channel: string): Promise<LogSlice> {
  const policy = policyOf(channel);
  const first = await engine.log.read(channel, 0, 1_000, policy);
  const entries = [...first.entries];
  for (;;) {
    const last = entries.at(-1)?.position.offset ?? first.floor.offset;
    if (last >= first.head.offset) return { ...first, entries };
    const page = await engine.log.read(channel, last, 1_000, policy);
    if (page.entries.length === 0) return { ...first, entries };
    entries.push(...page.entries);
  }
}

function wrongInLog(
  channel: string,
  { entries, head, floor }: LogSlice,
  required: readonly Entry[],
): readonly string[] {
  const wrong: string[] = [];
  const byOffset = new Map(entries.map((entry) => [entry.position.offset, entry]));
  const ids = new Set<unknown>();
  for (const [i, { position, json }] of entries.entries()) {
    if (position.offset !== floor.offset + 1 + i)
      wrong.push(`${channel} has a hole at ${position.offset}`);
    if (position.epoch !== head.epoch) wrong.push(`${channel} has an entry of another epoch`);
    const { id } = JSON.parse(json) as { readonly id: unknown };
    if (ids.has(id)) wrong.push(`${channel} has ${id} twice`);
    ids.add(id);
  }
  if (floor.offset + entries.length !== head.offset)
    wrong.push(`${channel} lacks its newest entries`);
  const kept = policyOf(channel).maxEntries;
  if (floor.offset > Math.max(0, head.offset - kept)) wrong.push(`${channel} has dropped too much`);
  for (const { epoch, offset, tag, json } of required) {
    if (epoch !== head.epoch) wrong.push(`${channel} lost its epoch ${epoch}`);
    else if (offset > head.offset)
      wrong.push(`${channel} lost ${offset}, its head is ${head.offset}`);
    else if (offset > floor.offset) {
      const entry = byOffset.get(offset);
      if (entry?.position.tag !== tag || entry.json !== json)
        wrong.push(`${channel} changed ${offset}`);
    }
  }
  return wrong;
}

/** Goes on with a log, and looks at its state, its keys and at readers whose positions it may have lost. */
async function wrongAfterwards(
  engine: Engine,
  channel: string,
  { entries, head, floor }: LogSlice,
  required: readonly Entry[],
  known: readonly Entry[],
): Promise<readonly string[]> {
  const wrong: string[] = [];
  const policy = policyOf(channel);
  if (policy.projection === "latest") {
    const { snapshot } = await engine.log.snapshot(channel, policy);
    const newest = entries.at(-1);
    const state = JSON.stringify(snapshot?.state ?? null);
    const says = newest === undefined ? "null" : (JSON.parse(newest.json) as { id: string }).id;
    if (!state.includes(newest === undefined ? says : `"${says}"`)) {
      wrong.push(`${channel} has a state that is not that of ${says}`);
    }
  }
  for (const { key, offset } of required.filter(({ key }) => key !== undefined).slice(-2)) {
    const again = { event: "e", json: "{}", publisher: "p", ...(key === undefined ? {} : { key }) };
    const { duplicate, publication } = await engine.log.append(channel, again, policy);
    if (!duplicate || publication.position.offset !== offset) {
      wrong.push(`${channel} forgot the key of ${offset}`);
    }
  }
  const seen = known.filter(({ epoch }) => epoch === head.epoch);
  const furthest = Math.max(head.offset, ...seen.map(({ offset }) => offset));
  const passed = Math.min(passedAtMost, furthest - head.offset);
  const added: Publication[] = [];
  for (let n = 0; n < passed; n++) {
    const entry = { event: "e", json: JSON.stringify({ id: `new-${n}` }), publisher: "p" };
    added.push((await engine.log.append(channel, entry, policy)).publication);
  }
  const byOffset = new Map([...entries, ...added].map((entry) => [entry.position.offset, entry]));
  for (const { offset, tag, json } of seen) {
    // A reader resumes where the log has an entry with its offset and tag, or where that is the floor.
    const entry = byOffset.get(offset);
    const resumes = entry?.position.tag === tag || (offset === floor.offset && floor.tag === tag);
    if (resumes && entry !== undefined && entry.json !== json) {
      wrong.push(`${channel} lets a reader resume at ${offset}, where it has another entry`);
    }
    if (resumes && offset > head.offset)
      wrong.push(`${channel} lets a reader resume beyond its head`);
  }
  return wrong;
}

async function holds(engine: Engine, fact: Exclude<Fact, Entry>): Promise<boolean> {
  switch (fact.kind) {
    case "lease":
      return (await engine.leases.get(fact.name))?.fence === fact.fence;
    case "used":
      return !(await engine.singleUse.claim(space, fact.name, 1_000));
    case "item":
      return (await engine.inbox.get(fact.owner, fact.id)) !== undefined;
    case "revocation":
      return (await revoked(engine)).has(fact.id);
    case "ticket":
      return (await engine.queues.get(queueName, [fact.id]))[0] !== undefined;
    case "settled": {
      const key = { channel: durableChannel, owner: durableOwner, name: fact.name };
      return ((await engine.durable.get(key))?.acked.offset ?? 0) >= fact.offset;
    }
    case "record":
      return Number((await engine.records.get(space, fact.name))?.value ?? 0) >= fact.value;
  }
}

const revocations = new WeakMap<Engine, Promise<ReadonlySet<string>>>();

/** Returns the ids of all revocations of an engine, which are read once. */
function revoked(engine: Engine): Promise<ReadonlySet<string>> {
  const known = revocations.get(engine) ?? readRevocations(engine);
  revocations.set(engine, known);
  return known;
}

async function readRevocations(engine: Engine): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for (let cursor: string | undefined; ; ) {
    const page = await engine.revocations.read(cursor);
    for (const { id } of page.revocations) ids.add(id);
    if (page.cursor === cursor || page.revocations.length === 0) return ids;
    cursor = page.cursor;
  }
}

function policyOf(channel: string) {
  const policy = policies[channel];
  if (policy === undefined) throw new Error(`there is no channel ${channel}`);
  return policy;
}
