import {
  compact,
  type Fields,
  integerIn,
  isChannelSegment,
  listOf,
  numberIn,
  objectOf,
  oneOf,
  type Parsed,
  parsed,
  type Reader,
  refused,
  textOf,
} from "@milepost/protocol";
import { type Amount, readAmount } from "./amount.ts";
import { isLargerThan } from "./json-size.ts";
import type { OperationEvents } from "./operation-event.ts";
import type { OperationStatus } from "./operation-status.ts";
import type { Budget, Counters } from "./operation-tree.ts";

/** Bounds on the fields of an operation's place in a tree, its counters, links and artefacts. Lengths in characters. */
export const treeBounds = {
  /** Maximum length of the name of a counter and of a tag. */
  name: 64,
  /** Maximum number of tags of an operation. */
  tags: 10,
  /** Maximum weight of a child. Weights have three decimal places. */
  weight: 1_000,
  /** Maximum number of counters of an operation, without those of its children. */
  counters: 32,
  links: 32,
  artefacts: 32,
  url: 2_000,
  /** Maximum length of a media type. */
  type: 100,
  /** Maximum length of an artefact's data as JSON text. */
  artefactData: 16 * 1024,
} as const;

const statuses = {
  waiting: true,
  running: true,
  paused: true,
  stalled: true,
  done: true,
  failed: true,
  cancelled: true,
  lost: true,
} as const satisfies Record<OperationStatus, true>;
const readCount = integerIn(0, Number.MAX_SAFE_INTEGER);
const secureAddress =
  /^https:\/\/[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?(?:[/?#][!-~]*)?$/;

/** Accepts a name that can be a segment of a channel's name. */
export const readName: Reader<string> = (value) =>
  isChannelSegment(value) && value.length <= treeBounds.name
    ? parsed(value)
    : refused(
        "bad_message",
        `must be 1 to ${treeBounds.name} letters, digits, '_', '.', '~' or '-'`,
      );

/** Accepts an address that a page may link to: https, without a user name. */
export const readAddress: Reader<string> = (value) =>
  typeof value === "string" && value.length <= treeBounds.url && secureAddress.test(value)
    ? parsed(value)
    : refused(
        "bad_message",
        `must be an https address of at most ${treeBounds.url} characters, without a user name and with all other characters escaped`,
      );

/** Parses the tags of an operation: at most 10, each once. */
export const readTags: Reader<readonly string[]> = (value) => {
  const tags = listOf(readName, 0, treeBounds.tags)(value);
  return tags.ok ? parsed([...new Set(tags.value)]) : tags;
};

/** Parses the weight of a child. It has three decimal places. */
export const readChildWeight: Reader<number> = (value) => {
  const weight = numberIn(0, treeBounds.weight)(value);
  return weight.ok ? parsed(Math.round(weight.value * 1_000) / 1_000) : weight;
};

/** Parses a budget. */
export const readBudget: Reader<Budget> = objectOf((fields) => ({
  counter: fields.required("counter", readName),
  limit: fields.required("limit", readAmount),
}));

/** Readers of the data of the events of trees, by name of the event. */
export const treeReaders = {
  count: (fields: Fields): OperationEvents["count"] => ({
    name: fields.required("name", readName),
    add: fields.required("add", readAmount),
  }),
  link: (fields: Fields): OperationEvents["link"] =>
    compact({
      id: fields.required("id", textOf(treeBounds.name)),
      title: fields.optional("title", textOf(200)),
      url: fields.required("url", readAddress),
    }),
  artefact: (fields: Fields): OperationEvents["artefact"] => {
    const url = fields.optional("url", readAddress);
    const data = fields.optional("data", readArtefactData);
    if ((url === undefined) === (data === undefined)) {
      fields.required(url === undefined ? "url" : "data", eitherUrlOrData);
    }
    return compact({
      name: fields.required("name", textOf(200)),
      type: fields.optional("type", textOf(treeBounds.type)),
      size: fields.optional("size", readCount),
      url,
      data,
    });
  },
  beat: (fields: Fields): OperationEvents["beat"] =>
    compact({
      reason: fields.optional("reason", textOf(500)),
      until: fields.optional("until", readCount),
    }),
  children: (fields: Fields): OperationEvents["children"] =>
    compact({
      total: fields.required("total", readCount),
      percent: fields.optional("percent", numberIn(0, 100)),
      statuses: fields.required("statuses", readStatuses),
      counters: fields.optional("counters", readCounters),
      revision: fields.required("revision", readCount),
    }),
  budget: (fields: Fields): OperationEvents["budget"] =>
    compact({
      phase: fields.required("phase", oneOf(["passed", "extended", "stopped"])),
      limit: fields.required("limit", readAmount),
      spent: fields.optional("spent", readAmount),
      question_id: fields.optional("question_id", textOf(treeBounds.name)),
    }),
} as const;

function readArtefactData(value: unknown): Parsed<unknown> {
  return isLargerThan(value, treeBounds.artefactData)
    ? refused(
        "bad_message",
        `must be at most ${treeBounds.artefactData} characters of JSON; store it elsewhere and give its url`,
      )
    : parsed(value);
}

function eitherUrlOrData(): Parsed<never> {
  return refused(
    "bad_message",
    "must be there, or the other of url and data: exactly one of the two",
  );
}

function readStatuses(value: unknown) {
  return objectOf((fields) =>
    compact(
      Object.fromEntries(
        Object.keys(statuses).map((status) => [status, fields.optional(status, readCount)]),
      ) as { readonly [Status in OperationStatus]?: number },
    ),
  )(value);
}

function readCounters(value: unknown): Parsed<Counters> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refused("bad_message", "must be an object of amounts");
  }
  const counters: [string, Amount][] = [];
  for (const [name, amount] of Object.entries(value)) {
    const read = readAmount(amount);
    if (!readName(name).ok || !read.ok)
      return refused("bad_message", "must be an object of amounts");
    counters.push([name, read.value]);
  }
  return counters.length <= treeBounds.counters
    ? parsed(Object.fromEntries(counters))
    : refused("bad_message", `must have at most ${treeBounds.counters} counters`);
}
