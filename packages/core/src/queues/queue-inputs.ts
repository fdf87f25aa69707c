import type {
  ClaimTicket,
  ConfigureQueue,
  ExtendTicket,
  FailTicket,
  FinishTicket,
  JoinQueue,
  QueueCapacity,
  QueuedOperation,
} from "@milepost/model";
import {
  compact,
  type Fields,
  identifierOf,
  idRule,
  integerIn,
  isChannelSegment,
  isId,
  isRecord,
  type Parsed,
  parsed,
  readAnything,
  readBoolean,
  refused,
  textOf,
} from "@milepost/protocol";
import { readInput } from "../input/input.ts";
import { capacityFault } from "./capacity.ts";
import { lanesFault } from "./queue-mistakes.ts";
import { type QueueLanes, queueBounds } from "./queue-rule.ts";

const readLease = integerIn(queueBounds.minLeaseMs, queueBounds.maxLeaseMs);
const readName = identifierOf(200);
const maxGuestId = 200;
const readFence = integerIn(1, Number.MAX_SAFE_INTEGER);

/** Reads the configuration of a queue. */
export function readConfigure(input: unknown): Parsed<ConfigureQueue> {
  return readInput(input, (fields) =>
    compact({
      capacity: fields.optional("capacity", readCapacity),
      lanes: fields.optional("lanes", readLanes),
    }),
  );
}

/** Reads a request to join. */
export function readJoin(input: unknown): Parsed<JoinQueue> {
  return readInput(input, (fields) =>
    compact({
      user: fields.optional("user", readPerson),
      session: fields.optional("session", readPerson),
      guest: fields.optional("guest", readGuest),
      lane: fields.optional("lane", textOf(queueBounds.laneName)),
      operation: fields.optional("operation", readOperation),
      key: fields.optional("key", readName),
    }),
  );
}

/** Reads a request for the next ticket. */
export function readClaim(input: unknown): Parsed<ClaimTicket> {
  return readInput(input, (fields) =>
    compact({
      worker: fields.required("worker", readName),
      lease_ms: fields.optional("lease_ms", readLease),
      slots: fields.optional("slots", integerIn(1, 10_000)),
      claim_id: fields.optional("claim_id", readName),
    }),
  );
}

/** Reads a request to extend a lease. */
export function readExtend(input: unknown): Parsed<ExtendTicket> {
  return readInput(input, (fields) =>
    compact({ fence: fence(fields), lease_ms: fields.optional("lease_ms", readLease) }),
  );
}

/** Reads a request to finish a ticket. */
export function readFinish(input: unknown): Parsed<FinishTicket> {
  return readInput(input, (fields) => ({ fence: fence(fields) }));
}

/** Reads a request to fail a ticket or give it back. */
export function readFail(input: unknown): Parsed<FailTicket> {
  return readInput(input, (fields) =>
    compact({
      fence: fence(fields),
      reason: fields.optional("reason", textOf(500)),
      give_back: fields.optional("give_back", readBoolean),
    }),
  );
}

const fence = (fields: Fields) => fields.required("fence", readFence);

function readPerson(value: unknown): Parsed<string> {
  return isId(value) ? parsed(value) : refused("bad_message", idRule);
}

/** Reads the id of a guest, which is a segment of its channel's name already. */
function readGuest(value: unknown): Parsed<string> {
  const isGuest = isChannelSegment(value) && value.length <= maxGuestId;
  return isGuest ? parsed(value) : refused("bad_message", "must be the id of a guest, as guest_id");
}

function readCapacity(value: unknown): Parsed<QueueCapacity> {
  const fault = capacityFault(value);
  return fault === undefined ? parsed(value as QueueCapacity) : refused("bad_message", fault);
}

function readLanes(value: unknown): Parsed<QueueLanes> {
  if (!isRecord(value)) return refused("bad_message", "must be weights by lane");
  const fault = lanesFault(value as QueueLanes);
  return fault === undefined ? parsed(value as QueueLanes) : refused("bad_message", fault);
}

function readOperation(value: unknown): Parsed<string | QueuedOperation> {
  if (typeof value === "string") return textOf(255)(value);
  return readInput(value, (fields) =>
    compact({
      kind: fields.required("kind", textOf(128)),
      title: fields.optional("title", textOf(500)),
      operation_id: fields.optional("operation_id", textOf(255)),
      input: fields.optional("input", readAnything),
    }),
  );
}
