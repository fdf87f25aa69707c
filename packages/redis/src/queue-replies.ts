import type { LaneStatistics, QueuePlace, QueueTicket, TicketState } from "@milepost/engine";

/** Ticket as the scripts of queues return it: its fields, and its position, total and number ahead while it waits. */
export type TicketReply = readonly [
  fields: readonly string[],
  place: readonly [number, number, number] | null,
];

/** Returns the ticket of a reply. */
export function ticketOf([flat, place]: TicketReply): QueueTicket {
  const fields = fieldsOf(flat);
  const text = (name: string) => JSON.parse(fields.get(name) ?? '""') as string;
  const number = (name: string) => Number(fields.get(name) ?? 0);
  const state = fields.get("state") as TicketState;
  return {
    id: text("id"),
    owner: text("owner"),
    lane: fields.get("lane") ?? "",
    state,
    joinedAt: number("joined"),
    claims: number("claims"),
    ...(fields.has("data") ? { data: text("data") } : {}),
    ...(fields.has("fence")
      ? { fence: number("fence"), worker: text("worker"), claimedAt: number("claimed") }
      : {}),
    ...(state === "running" ? { leaseEndsAt: number("ends") } : {}),
    ...(fields.has("ended") ? { endedAt: number("ended") } : {}),
    ...(fields.has("reason") ? { reason: text("reason") } : {}),
    ...(place === null ? {} : { place: placeOf(place) }),
  };
}

/** Returns the statistics of one hour by lane, from fields such as `paid joined` and `paid w12`. */
export function statisticsOf(flat: readonly string[]): Readonly<Record<string, LaneStatistics>> {
  const lanes = new Map<string, Map<string, number>>();
  for (const [field, count] of fieldsOf(flat)) {
    const [lane = "", counter = ""] = field.split(" ");
    const counters = lanes.get(lane) ?? new Map<string, number>();
    counters.set(counter, Number(count));
    lanes.set(lane, counters);
  }
  return Object.fromEntries([...lanes].map(([lane, counters]) => [lane, laneStatistics(counters)]));
}

function laneStatistics(counters: ReadonlyMap<string, number>): LaneStatistics {
  const count = (name: string) => counters.get(name) ?? 0;
  const histogram = (prefix: string) =>
    Object.fromEntries(
      [...counters].flatMap(([name, value]) =>
        name.startsWith(prefix) && /^.\d+$/.test(name) ? [[name.slice(1), value]] : [],
      ),
    );
  return {
    joined: count("joined"),
    claimed: count("claimed"),
    finished: count("finished"),
    failed: count("failed"),
    left: count("left"),
    gone: count("gone"),
    returned: count("returned"),
    waits: histogram("w"),
    services: histogram("s"),
    estimated: count("estimated"),
    withinP50: count("withinP50"),
    withinP90: count("withinP90"),
  };
}

function placeOf([position, total, aheadInLane]: readonly [number, number, number]): QueuePlace {
  return { position, total, aheadInLane };
}

function fieldsOf(flat: readonly string[]): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (let i = 0; i < flat.length; i += 2) fields.set(flat[i] ?? "", flat[i + 1] ?? "");
  return fields;
}
