import { MilepostError } from "@milepost/protocol";
import { utf8Length } from "./log-bytes.ts";
import {
  type ClaimRequest,
  type JoinRequest,
  maxQueueBatch,
  maxQueueData,
  maxQueueLanes,
  maxQueueName,
  type QueueCapacity,
  type QueueSettings,
} from "./ports/queues.ts";

const maxCapacity = 1_000_000;
const maxWaiting = 1_000_000;
const maxSlots = 10_000;
const weekMinutes = 7 * 24 * 60;
const dayMs = 24 * 3_600_000;

/** Settings of a queue with every default filled in. */
export type FullQueueSettings = QueueSettings &
  Required<Pick<QueueSettings, "lanes" | "maxWaiting" | "graceMs" | "leaseMs" | "maxClaims">>;

/** Returns the settings with every default. Throws `bad_message` for a value out of its range. */
export function fullQueueSettings(settings: QueueSettings): FullQueueSettings {
  const full = {
    ...settings,
    lanes: settings.lanes ?? { default: 1 },
    maxWaiting: settings.maxWaiting ?? 100_000,
    graceMs: settings.graceMs ?? 120_000,
    leaseMs: settings.leaseMs ?? 30_000,
    maxClaims: settings.maxClaims ?? 0,
  };
  requireCapacity(full.capacity);
  const lanes = Object.entries(full.lanes);
  require(lanes.length >= 1 &&
    lanes.length <= maxQueueLanes, `a queue has 1–${maxQueueLanes} lanes`);
  for (const [name, weight] of lanes) {
    require(/^[A-Za-z0-9][\w.-]{0,63}$/.test(
      name,
    ), "a lane's name has 1–64 letters, digits, dots, hyphens or underscores, and begins with a letter or digit");
    require(weight >= 0.01 && weight <= 1_000, `the weight of lane ${name} must be 0.01–1000`);
  }
  requireWhole("maxWaiting", full.maxWaiting, 1, maxWaiting);
  requireWhole("graceMs", full.graceMs, 0, 30 * dayMs);
  requireWhole("leaseMs", full.leaseMs, 1, dayMs);
  requireWhole("maxClaims", full.maxClaims, 0, 1_000_000);
  requireData(full.data);
  return full;
}

/** Returns the capacity at a time in milliseconds since 1970: a number, or "workers". */
export function capacityAt(capacity: QueueSettings["capacity"], now: number): QueueCapacity {
  if (typeof capacity !== "object") return capacity;
  // 1970 began on a Thursday, and the week begins on Monday.
  const minute = (Math.floor(now / 60_000) + 3 * 1_440) % weekMinutes;
  let current = capacity.weekly.at(-1)?.capacity ?? 0;
  for (const change of capacity.weekly) if (change.minute <= minute) current = change.capacity;
  return current;
}

/** Throws `bad_message` for a join whose values are out of range. */
export function requireJoinFits({ id, owner, key, data }: JoinRequest): void {
  requireName("id of a ticket", id);
  requireName("owner", owner);
  if (key !== undefined) requireName("key", key);
  requireData(data);
}

/** Throws `bad_message` for a claim whose values are out of range. */
export function requireClaimFits({ worker, leaseMs, slots, key }: ClaimRequest): void {
  requireName("name of a worker", worker);
  if (leaseMs !== undefined) requireLease(leaseMs);
  if (slots !== undefined) requireSlots(slots);
  if (key !== undefined) requireName("key", key);
}

/** Throws `bad_message` for a worker's name or slots that are out of range. */
export function requireWorkerFits(worker: string, slots: number): void {
  requireName("name of a worker", worker);
  requireSlots(slots);
}

/** Throws `bad_message` for a duration of a lease that is out of range. */
export function requireLease(leaseMs: number): void {
  requireWhole("leaseMs", leaseMs, 1, dayMs);
}

/** Throws `bad_message` if one call names too many tickets. */
export function requireBatch(ids: readonly string[]): void {
  require(ids.length <=
    maxQueueBatch, `one call may name ${maxQueueBatch} tickets, not ${ids.length}`);
}

/** Returns the lane that a ticket without a lane joins: `default`, otherwise that with the smallest weight. */
export function defaultLane(lanes: Readonly<Record<string, number>>): string {
  if (Object.hasOwn(lanes, "default")) return "default";
  let least: [string, number] | undefined;
  for (const lane of Object.entries(lanes))
    if (least === undefined || lane[1] < least[1]) least = lane;
  return least?.[0] ?? "default";
}

/** Throws the error of a queue that does not exist. */
export function noQueue(queue: string): never {
  throw new MilepostError(
    "not_found",
    `there is no queue ${queue}; create it with PUT /v1/queues/${queue}`,
  );
}

/** Throws the error of a lane that a queue does not have. */
export function noLane(lane: string, lanes: Readonly<Record<string, number>>): never {
  const known = Object.keys(lanes).join(", ");
  throw new MilepostError("bad_message", `the queue has no lane ${lane}; its lanes are ${known}`);
}

/** Throws the error of a queue in which too many tickets wait. */
export function queueFull(queue: string, maxWaiting: number): never {
  throw new MilepostError(
    "queue_full",
    `${maxWaiting} tickets wait in queue ${queue}, which is its maximum; try again later`,
  );
}

/** Throws the error of a ticket's id that somebody else's ticket has. */
export function ticketExists(id: string): never {
  throw new MilepostError(
    "already_exists",
    `the ticket ${id} belongs to another owner; use another id`,
  );
}

/** Throws the error of a deployment that has as many queues as it may. */
export function tooManyQueues(maxQueues: number): never {
  throw new MilepostError(
    "store_full",
    `there are ${maxQueues} queues, which is the maximum; remove one, or raise maxQueues`,
  );
}

/** Throws the error of a queue with too many lanes that drain. */
export function tooManyDraining(queue: string): never {
  throw new MilepostError(
    "not_possible_now",
    `queue ${queue} has ${maxQueueLanes} lanes with waiting tickets that are no longer configured; wait until one is empty`,
  );
}

/** Throws the error of a queue that is to be removed while it has tickets. */
export function queueInUse(queue: string): never {
  throw new MilepostError(
    "not_possible_now",
    `queue ${queue} has tickets that wait or run; set its capacity, or let them leave, and remove it then`,
  );
}

function requireCapacity(capacity: QueueSettings["capacity"]): void {
  if (capacity === "workers") return;
  if (typeof capacity === "number") {
    requireWhole("capacity", capacity, 0, maxCapacity);
    return;
  }
  const { weekly } = capacity;
  require(weekly.length >= 1 && weekly.length <= 200, "a schedule has 1–200 changes");
  let last = -1;
  for (const change of weekly) {
    requireWhole("minute of a schedule", change.minute, 0, weekMinutes - 1);
    require(change.minute > last, "the minutes of a schedule must rise");
    last = change.minute;
    if (change.capacity !== "workers") requireWhole("capacity", change.capacity, 0, maxCapacity);
  }
}

function requireSlots(slots: number): void {
  requireWhole("slots", slots, 1, maxSlots);
}

function requireName(what: string, name: string): void {
  require(name.length >= 1 &&
    name.length <= maxQueueName, `the ${what} has 1–${maxQueueName} characters`);
}

function requireData(data: string | undefined): void {
  // A character takes at most three bytes, so most data need no count.
  if (data === undefined || data.length * 3 <= maxQueueData) return;
  require(utf8Length(data) <= maxQueueData, `the data has at most ${maxQueueData} bytes`);
}

function requireWhole(what: string, value: number, least: number, most: number): void {
  require(Number.isInteger(value) &&
    value >= least &&
    value <= most, `${what} must be a whole number, ${least}–${most}`);
}

function require(holds: boolean, message: string): void {
  if (!holds) throw new MilepostError("bad_message", message);
}
