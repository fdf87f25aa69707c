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
  identifierOf,
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
const readKey = identifierOf(messageBounds.keyLength);
const readOwner = textOf(255);
const statuses = Object.keys(operationTransitions) as OperationStatus[];
const commands = Object.keys(commandAllowedIn) as OperationCommandName[];
const maxEvents = 1_000;

/** Default lease length, in milliseconds. */
export const defaultLeaseMs = 30_000;

/** Validated request to create an operation. */
export interface NewOperation {
  readonly created: OperationEvents["created"];
  readonly leaseMs: number;
}

/** Reads the body of a request that creates an operation. `operationId` is used where the producer chose no id. */
export function readCreate(input: CreateOperation, operationId: string): Parsed<NewOperation> {
  const lease = readInput(input, (fields) => fields.optional("lease_ms", readLeaseMs));
  if (!lease.ok) return lease;
  const json = readJsonText(input, Number.POSITIVE_INFINITY, "operation");
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

/** Reads a lease length, in milliseconds; undefined stays undefined. */
export function readLeaseLength(leaseMs: unknown): Parsed<number | undefined> {
  return leaseMs === undefined
    ? parsed(undefined)
    : readInput({ lease_ms: leaseMs }, (fields) => fields.required("lease_ms", readLeaseMs));
}

/** Reads a report. Its events are validated later, one by one. A lease that is not a string is ignored. */
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

/** Reads a request for a command. */
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
  const json = readJsonText(value, eventBounds.payload, "args");
  return json.ok ? parsed(JSON.parse(json.value) as unknown) : json;
}

/** Reads the filter of a list of operations. The limit defaults to 100. */
export function readFilter(input: unknown): Parsed<OperationFilter & { readonly limit: number }> {
  return readInput(input, (fields) =>
    compact({
      session: fields.optional("session", readOwner),
      user: fields.optional("user", readOwner),
      producer: fields.optional("producer", readOwner),
      kind: fields.optional("kind", readOwner),
      status: fields.optional("status", oneOf(statuses)),
      tag: fields.optional("tag", readOwner),
      parent: fields.optional("parent", readOwner),
      limit: fields.optional("limit", integerIn(1, 1_000)) ?? 100,
    }),
  );
}
