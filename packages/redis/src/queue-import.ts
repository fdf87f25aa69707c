import { type KeptTicket, laneCost, type PortableQueue, type QueueHour } from "@milepost/engine";
import type { KeyWriter } from "./key-writer.ts";
import type { Keys } from "./keys.ts";

const hourMs = 3_600_000;
/** Time for which a queue is kept without a call, in milliseconds; see `queue.lua`. */
const keptMs = 30 * 86_400_000 + 60_000;
const hoursKeptMs = 49 * hourMs;
/** Amount that is taken off the number of a ticket that was claimed before; see `queue.lua`. */
const claimedBefore = 2 ** 52;

/**
 * Writes a queue as `queue.lua` keeps it: its tickets in their order with their fences and leases, its workers and its
 * statistics. `shiftMs` is what the clock of Redis is ahead of the one that the queue's times are of. The metadata with the
 * settings are there already.
 */
export async function importQueue(
  writer: KeyWriter,
  keys: Keys,
  queue: PortableQueue,
  shiftMs: number,
): Promise<void> {
  const { name, kept, tickets, workers, hours } = queue;
  const [meta = "", leases = "", leaving = "", returned = "", alive = "", slots = ""] = keys.queue(
    name,
    0,
  );
  const parts = keys.queueParts(name);
  const at = (time: number) => Math.round(time + shiftMs);
  const item = ({ id }: Pick<KeptTicket, "id">) => keys.queueItem(id);
  const { lanes, virtual } = kept.lanes;
  const laneLines = lanes.map(
    (lane) =>
      `${lane.name} ${lane.weight} ${laneCost(lane.weight).toFixed(0)} ${lane.isDraining ? 1 : 0}`,
  );
  const waiting = tickets.filter(({ state }) => state === "waiting");
  const running = tickets.filter(({ state }) => state === "running");
  for (const lane of lanes) {
    const own = waiting.filter((ticket) => ticket.lane === lane.name);
    await writer.sortedSet(
      parts.lane(lane.name),
      keptMs,
      own.map((one) => [one.number - (one.firstFence > 0 ? claimedBefore : 0), item(one)]),
    );
  }
  const again = waiting.filter(({ firstFence }) => firstFence > 0);
  await writer.sortedSet(
    returned,
    keptMs,
    again.map((one) => [one.firstFence, item(one)]),
  );
  await writer.sortedSet(
    leases,
    keptMs,
    running.map((one) => [at(one.leaseEndsAt), item(one)]),
  );
  await writer.sortedSet(
    leaving,
    keptMs,
    waiting.flatMap((one) => (one.goneAt === undefined ? [] : [[at(one.goneAt), item(one)]])),
  );
  const workerName = (worker: string) => JSON.stringify(worker);
  await writer.sortedSet(
    alive,
    keptMs,
    workers.map((one) => [at(one.liveUntil), workerName(one.name)]),
  );
  const sum = workers.reduce((total, one) => total + one.slots, 0);
  const own = workers.map((one) => [workerName(one.name), String(one.slots)] as const);
  await writer.hash(slots, keptMs, own.length === 0 ? [] : [...own, ["#", String(sum)]]);
  for (const ticket of tickets) await importTicket(writer, keys, name, ticket, at);
  for (const hour of hours) {
    const key = keys.queueHour(name, Math.floor(hour.at / hourMs));
    await writer.hash(key, hoursKeptMs, countersOf(hour));
  }
  await writer.addToHash(meta, keptMs, [
    ["lanes", laneLines.join("\n")],
    ["number", String(kept.number)],
    ["fence", String(kept.fence)],
    ["virtual", virtual.toFixed(0)],
    ["suspended", String(at(kept.suspendedUntil))],
    ...lanes.map((lane) => [`b:${lane.name}`, lane.base.toFixed(0)] as const),
  ]);
}

async function importTicket(
  writer: KeyWriter,
  keys: Keys,
  queue: string,
  ticket: KeptTicket,
  at: (time: number) => number,
): Promise<void> {
  const parts = keys.queueParts(queue);
  const id = keys.queueItem(ticket.id);
  const ownerItem = keys.queueItem(ticket.owner);
  const isOver = ticket.state !== "waiting" && ticket.state !== "running";
  const keyItem = ticket.key === undefined ? undefined : keys.queueItem(ticket.owner, ticket.key);
  const claimItem =
    ticket.claimKey === undefined || ticket.state !== "running"
      ? undefined
      : keys.queuePair(claimText(ticket.claimKey));
  const time = (name: string, value: number) => [name, String(at(value))] as const;
  const json = (name: string, value: string | undefined) =>
    value === undefined ? [] : [[name, JSON.stringify(value)] as const];
  // A ticket that is over is remembered for an hour at most; its field `forget` says until when.
  const leftMs = isOver ? hourMs + 60_000 : keptMs;
  await writer.hash(parts.ticket(id), leftMs, [
    ["id", JSON.stringify(ticket.id)],
    ["owner", JSON.stringify(ticket.owner)],
    ["owner_key", ownerItem],
    ["lane", ticket.lane],
    ["number", String(ticket.number)],
    ["state", ticket.state],
    time("joined", ticket.joinedAt),
    ["claims", String(ticket.claims)],
    ["first", String(ticket.firstFence)],
    ...json("data", ticket.data),
    ...json("reason", ticket.reason),
    ...(ticket.claims === 0
      ? []
      : [
          ["fence", String(ticket.fence)] as const,
          ["worker", JSON.stringify(ticket.worker ?? "")] as const,
          time("claimed", ticket.claimedAt),
        ]),
    ...(ticket.state === "running" ? [time("ends", ticket.leaseEndsAt)] : []),
    ...(isOver ? [time("ended", ticket.endedAt), time("forget", ticket.forgetAt)] : []),
    ...(ticket.goneAt === undefined ? [] : [time("gone", ticket.goneAt)]),
    ...(ticket.estimate === undefined
      ? []
      : [time("p50", ticket.estimate.p50At), time("p90", ticket.estimate.p90At)]),
    ...(keyItem === undefined ? [] : [["key", keyItem] as const]),
    ...(claimItem === undefined ? [] : [["claim", claimItem] as const]),
  ]);
  if (!isOver) await writer.string(parts.owner(ownerItem), keptMs, id);
  if (keyItem !== undefined) await writer.string(parts.key(keyItem), leftMs, id);
  if (claimItem !== undefined) await writer.string(parts.claim(claimItem), keptMs, id);
}

/** Returns the pair of a worker and its key as `Keys.queueItem` writes it, with the length of the key. */
function claimText(pair: string): string {
  const colon = pair.indexOf(":");
  const end = colon + 1 + Number(pair.slice(0, colon));
  const key = pair.slice(end);
  return `${pair.slice(0, end)}${key.length}:${key}`;
}

function countersOf({ lanes }: QueueHour): (readonly [string, string])[] {
  return Object.entries(lanes).flatMap(([lane, { waits, services, ...counts }]) =>
    [
      ...Object.entries(counts),
      ...Object.entries(waits).map(([bucket, n]) => [`w${bucket}`, n] as const),
      ...Object.entries(services).map(([bucket, n]) => [`s${bucket}`, n] as const),
    ]
      .filter(([, n]) => n > 0)
      .map(([counter, n]) => [`${lane} ${counter}`, String(n)] as const),
  );
}
