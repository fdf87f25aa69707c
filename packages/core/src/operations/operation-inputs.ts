import {
  type CommandFilter,
  type CreateOperation,
  eventBounds,
  inputBounds,
  isCommandName,
  type OperationEvents,
  type OperationFilter,
  type OperationStatus,
  operationTransitions,
  parseOperationEvent,
  type ReportEvents,
  type RequestCommand,
  type RequestCommands,
  type SendInput,
} from "@milepost/model";
import {
  compact,
  identifierOf,
  integerIn,
  listOf,
  messageBounds,
  objectOf,
  oneOf,
  type Parsed,
  parsed,
  type Reader,
  readAnything,
  refused,
  textOf,
} from "@milepost/protocol";
import { readInput } from "../input/input.ts";
import { readJsonText } from "../input/json-text.ts";

const readLeaseMs = integerIn(100, 24 * 3_600_000);
const readKey = identifierOf(messageBounds.keyLength);
const readOwner = textOf(255);
const statuses = Object.keys(operationTransitions) as OperationStatus[];
const maxEvents = 1_000;
/** Largest number of operations to which one request sends a command. */
const maxCommanded = 100;

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

/** Reads the name of the worker that takes an operation over. */
export function readWorker(worker: unknown): Parsed<string | undefined> {
  return worker === undefined
    ? parsed(undefined)
    : readInput({ worker }, (fields) => fields.required("worker", readOwner));
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
      command: fields.required("command", readCommandName),
      args: fields.optional("args", readArgs),
      key: fields.optional("key", readKey),
    }),
  );
}

/** Reads a request for a command to all operations of a filter. */
export function readCommands(input: unknown): Parsed<RequestCommands> {
  const command = readCommand(input);
  if (!command.ok) return command;
  return readInput(input, (fields) =>
    compact({
      ...command.value,
      filter: fields.required("filter", readCommandFilter),
      limit: fields.optional("limit", integerIn(1, maxCommanded)),
      after: fields.optional("after", textOf(255)),
    }),
  );
}

const readCommandFilter: Reader<CommandFilter> = (value) => {
  const read = objectOf((fields) =>
    compact({
      operation_ids: fields.optional("operation_ids", listOf(readOwner, 1, maxCommanded)),
      mine: fields.optional("mine", readTrue),
      session: fields.optional("session", readOwner),
      user: fields.optional("user", readOwner),
      producer: fields.optional("producer", readOwner),
      kind: fields.optional("kind", readOwner),
      status: fields.optional("status", oneOf(statuses)),
      tag: fields.optional("tag", readOwner),
      parent: fields.optional("parent", readOwner),
    }),
  )(value);
  if (!read.ok) return read;
  const given = Object.keys(read.value).length;
  if (given === 0) {
    return refused(
      "bad_message",
      "must have a condition, such as kind, tag, operation_ids or mine",
    );
  }
  return read.value.operation_ids === undefined || given === 1
    ? read
    : refused("bad_message", "must have operation_ids alone, or other conditions without them");
};

function readTrue(value: unknown): Parsed<true> {
  return value === true ? parsed(value) : refused("bad_message", "must be true or absent");
}

function readCommandName(value: unknown): Parsed<string> {
  if (typeof value === "string" && isCommandName(value)) return parsed(value);
  return refused(
    "bad_message",
    `must be the name of a command: a lower-case letter, then letters, digits, "_", "-" and "."; at most 64 characters`,
  );
}

/** Reads a message to an operation. */
export function readSendInput(input: unknown): Parsed<SendInput> {
  return readInput(input, (fields) =>
    compact({
      data: fields.required("data", readMessage),
      key: fields.optional("key", readKey),
    }),
  );
}

function readMessage(value: unknown): Parsed<unknown> {
  const any = readAnything(value);
  const json = any.ok ? readJsonText(any.value, inputBounds.data, "data") : any;
  return json.ok ? parsed(JSON.parse(json.value) as unknown) : json;
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
