import {
  type CreateOperation,
  commandAllowedIn,
  eventBounds,
  type OperationCommandName,
  type OperationEvents,
  type OperationFilter,
  type OperationStatus,
  operationTransitions,
  parseOperationEvent,
  type ReportEvents,
  type RequestCommand,
} from "@milepost/model";
import {
  compact,
  integerIn,
  listOf,
  messageBounds,
  oneOf,
  type Parsed,
  parsed,
  readAnything,
  textOf,
} from "@milepost/protocol";
import { readInput } from "../input/input.ts";
import { readJsonText } from "../input/json-text.ts";

const readLeaseMs = integerIn(100, 24 * 3_600_000);
const readKey = textOf(messageBounds.keyLength);
const readOwner = textOf(255);
const statuses = Object.keys(operationTransitions) as OperationStatus[];
const commands = Object.keys(commandAllowedIn) as OperationCommandName[];
const maxEvents = 1_000;

/** How long a producer may be silent where it asks for nothing else, in milliseconds. */
export const defaultLeaseMs = 30_000;

/** A create, checked. */
export interface NewOperation {
  readonly created: OperationEvents["created"];
  readonly leaseMs: number;
}

/** Reads what a producer asks for; `operationId` stands in where it chose none. */
export function readCreate(input: CreateOperation, operationId: string): Parsed<NewOperation> {
  const lease = readInput(input, (fields) => fields.optional("lease_ms", readLeaseMs));
  if (!lease.ok) return lease;
  const json = readJsonText(input, Number.POSITIVE_INFINITY);
  if (!json.ok) return json;
  const read = parseOperationEvent("created", {
    ...(JSON.parse(json.value) as object),
    operation_id: input.operation_id ?? operationId,
  });
  if (!read.ok) return read;
  return parsed({
    created: read.value.data as OperationEvents["created"],
    leaseMs: lease.value ?? defaultLeaseMs,
  });
}

/** Reads a lease's length. */
export function readLeaseLength(leaseMs: unknown): Parsed<number | undefined> {
  return leaseMs === undefined
    ? parsed(undefined)
    : readInput({ lease_ms: leaseMs }, (fields) => fields.required("lease_ms", readLeaseMs));
}

/** Reads a report; each event is yet to be read on its own. A lease that is none is left out. */
export function readReport(input: unknown): Parsed<Partial<ReportEvents>> {
  return readInput(input, (fields) =>
    compact({
      lease: typeof fields.record.lease === "string" ? fields.record.lease : undefined,
      events: fields.optional("events", listOf(readReported, 0, maxEvents)) ?? [],
    }),
  );
}

const readReported = (value: unknown) =>
  readInput(value, (fields) =>
    compact({
      event: fields.required("event", textOf(128)),
      data: fields.optional("data", readAnything) ?? {},
      key: fields.optional("key", readKey),
    }),
  );

/** Reads what somebody asks of an operation. */
export function readCommand(input: unknown): Parsed<RequestCommand> {
  return readInput(input, (fields) =>
    compact({
      command: fields.required("command", oneOf(commands)),
      args: fields.optional("args", readArgs),
      key: fields.optional("key", readKey),
    }),
  );
}

function readArgs(value: unknown): Parsed<unknown> {
  const json = readJsonText(value, eventBounds.payload);
  return json.ok ? parsed(JSON.parse(json.value) as unknown) : json;
}

/** Reads which operations to list. */
export function readFilter(input: unknown): Parsed<OperationFilter & { readonly limit: number }> {
  return readInput(input, (fields) =>
    compact({
      session: fields.optional("session", readOwner),
      user: fields.optional("user", readOwner),
      producer: fields.optional("producer", readOwner),
      kind: fields.optional("kind", readOwner),
      status: fields.optional("status", oneOf(statuses)),
      limit: fields.optional("limit", integerIn(1, 1_000)) ?? 100,
    }),
  );
}
