import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ErrorCode } from "./error-codes.ts";
import { parseJson } from "./json.ts";
import { messageBounds, parseClientMessage, readSince } from "./parse-client-message.ts";
import { anyJson } from "./testing/any-publication.ts";

const position = { epoch: "e", offset: 3, tag: "t" };

/** Messages of every type with every field. */
const complete = {
  auth: { type: "auth", id: 1, token: "a.b.c", session: "s" },
  subscribe: {
    type: "subscribe",
    id: "x",
    channel: "chat:42",
    since: "e.3.t",
    events: ["a", "b"],
    as: "worker",
    presence: true,
  },
  unsubscribe: { type: "unsubscribe", id: 2, channel: "chat:42" },
  publish: {
    type: "publish",
    id: 3,
    channel: "chat:42",
    event: "said",
    data: { text: "hi" },
    key: "k",
    priority: "high",
    ttl_ms: 1_000,
  },
  request: {
    type: "request",
    id: 4,
    method: "history.get",
    params: { limit: 1 },
    timeout_ms: 50,
    key: "k",
    stream: true,
    credit: 1,
  },
  cancel: { type: "cancel", id: 4 },
  chunk: { type: "chunk", stream: 4, index: 0, data: [1], last: false },
  ack: { type: "ack", id: 5, channel: "chat:42", position: "e.3.t" },
  nack: { type: "nack", id: 5, channel: "chat:42", position: "e.3.t", reason: "bad" },
  ping: { type: "ping", id: 5 },
  pong: { type: "pong", id: 5 },
} as const;

type TypeName = keyof typeof complete;
const types = Object.keys(complete) as TypeName[];

/** One value of every kind of JSON. */
const kinds: Record<string, unknown> = {
  null: null,
  true: true,
  "a number": 7,
  "a fraction": 1.5,
  "a negative number": -1,
  "a number past what is exact": 2 ** 53,
  "an empty string": "",
  "a string": "abc",
  "a string with a line break": "a\nb",
  "a string of 20,000 characters": "x".repeat(20_000),
  "an empty list": [],
  "a list": [1],
  "an empty object": {},
  "an object": { a: 1 },
};

/** Names of the values in `kinds` that each field accepts. The field refuses all other values. */
const taken: Record<string, readonly string[]> = {
  id: ["a number", "a negative number", "a string", "a string with a line break"],
  token: ["a string", "a string with a line break"],
  session: ["a string", "a string with a line break"],
  channel: ["a string"],
  since: [],
  events: [],
  as: ["a string"],
  presence: ["true"],
  event: ["a string"],
  data: Object.keys(kinds),
  key: ["a string", "a string with a line break"],
  priority: [],
  ttl_ms: ["a number"],
  method: ["a string", "a string with a line break"],
  params: Object.keys(kinds),
  timeout_ms: ["a number"],
  stream: ["true"],
  credit: ["a number"],
  "chunk.stream": ["a number", "a negative number", "a string", "a string with a line break"],
  index: ["a number"],
  last: ["true"],
  position: [],
  reason: ["a string", "a string with a line break"],
};

const codes: Record<string, readonly ErrorCode[]> = {
  channel: ["invalid_channel"],
  event: ["invalid_event"],
  position: ["invalid_position"],
  since: ["invalid_position", "bad_message"],
};

const wrong = types.flatMap((type) =>
  Object.keys(complete[type])
    .filter((field) => field !== "type")
    .flatMap((field) =>
      Object.keys(kinds)
        .filter((kind) => !(taken[`${type}.${field}`] ?? taken[field])?.includes(kind))
        .map((kind) => [type, field, kind] as const),
    ),
);

const required: Record<TypeName, readonly string[]> = {
  auth: ["token"],
  subscribe: ["id", "channel"],
  unsubscribe: ["id", "channel"],
  publish: ["channel", "event", "data"],
  request: ["id", "method"],
  cancel: ["id"],
  chunk: ["stream", "index", "data"],
  ack: ["channel", "position"],
  nack: ["channel", "position", "reason"],
  ping: [],
  pong: [],
};

let prototypes: string;
const prototypeState = () =>
  JSON.stringify(
    [Object.prototype, Array.prototype, String.prototype].map(Object.getOwnPropertyNames),
  );
beforeEach(() => {
  prototypes = prototypeState();
});
afterEach(() => {
  expect(prototypeState()).toBe(prototypes);
});

describe("parseClientMessage", () => {
  it.each(types)("parseClientMessage reads %s with every field", (type) => {
    const message: Record<string, unknown> = complete[type];
    const expected: Record<string, unknown> = { ...message };
    for (const field of ["since", "position"]) if (field in expected) expected[field] = position;
    expect(parseClientMessage(message)).toEqual({ ok: true, value: expected });
  });

  it.each(types)("parseClientMessage reads %s with only its required fields", (type) => {
    const message = Object.fromEntries(
      Object.entries(complete[type]).filter(
        ([field]) => field === "type" || required[type].includes(field),
      ),
    );
    const outcome = parseClientMessage(message);
    expect(outcome.ok && Object.keys(outcome.value).sort()).toEqual(Object.keys(message).sort());
  });

  it.each(types.flatMap((type) => required[type].map((field) => [type, field] as const)))(
    "[P-MSG-1] %s without %s is refused as bad_message with the name of the missing field",
    (type, field) => {
      const { [field]: _, ...message } = complete[type] as Record<string, unknown>;
      expect(parseClientMessage(message)).toEqual({
        ok: false,
        id: message.id ?? null,
        failure: { code: "bad_message", message: `${field} is missing`, retryable: false },
      });
    },
  );

  it.each(wrong)(
    "[P-MSG-1] %s whose %s is %s is refused with the name of the field",
    (type, field, kind) => {
      const message = { ...complete[type], [field]: kinds[kind] };
      const outcome = parseClientMessage(message);
      if (outcome.ok) throw new Error("it was taken");
      expect(codes[field] ?? ["bad_message"]).toContain(outcome.failure.code);
      expect(outcome.failure.message).toContain(field === "since" ? "" : field);
      expect(outcome.failure.message.length).toBeLessThan(200);
      expect(outcome.id).toEqual(
        field === "id" ? null : ((message as { id?: unknown }).id ?? null),
      );
    },
  );

  it("[P-MSG-1] a subscribe with a wrong since is refused, and the message says what since may be", () => {
    for (const since of [7, true, null, [], {}, { last: 0 }, { last: 1.5 }, { last: 10_001 }]) {
      const outcome = parseClientMessage({ ...complete.subscribe, since });
      expect(outcome).toMatchObject({ failure: { message: expect.stringMatching(/^since must/) } });
    }
  });

  it.each(types)("[P-MSG-2] unknown fields of %s are ignored", (type) => {
    const extra = JSON.parse('{"__proto__":{"a":1},"constructor":1,"more":[{}],"toString":null}');
    const message = { ...complete[type], ...extra };
    expect(parseClientMessage(message)).toEqual(parseClientMessage(complete[type]));
  });

  it.each([null, undefined, 7, "ping", true, [], [{ type: "ping" }]])(
    "[P-MSG-1] the value %j is not a message and is refused as bad_message",
    (value) => {
      expect(parseClientMessage(value)).toMatchObject({
        ok: false,
        id: null,
        failure: { code: "bad_message" },
      });
    },
  );

  it.each([
    ["an unknown type", { type: "fly" }, "unknown_type"],
    ["a type of the server", { type: "welcome" }, "unknown_type"],
    ["a type that objects have by nature", { type: "constructor" }, "unknown_type"],
    ["no type", {}, "bad_message"],
    ["a number as type", { type: 7 }, "bad_message"],
    ["a list as type", { type: ["ping"] }, "bad_message"],
  ])(
    "[P-MSG-1] a message with %s is refused, and the refusal carries its id",
    (_, message, code) => {
      expect(parseClientMessage({ ...message, id: "x" })).toMatchObject({
        ok: false,
        id: "x",
        failure: { code },
      });
    },
  );

  it("[P-MSG-1] a message with a huge or hostile type is refused with a short, harmless text", () => {
    const outcome = parseClientMessage({ type: `\u001b[2J\r\n${"x".repeat(100_000)}` });
    expect(outcome).toMatchObject({ failure: { code: "unknown_type" } });
    expect(!outcome.ok && outcome.failure.message).toMatch(/^[\x20-\x7e…]{1,150}$/);
    const emoji = parseClientMessage({ type: `${"x".repeat(39)}${"😀".repeat(9)}` });
    expect(!emoji.ok && emoji.failure.message).toContain('x…"');
  });

  it.each([
    ["publish", "key"],
    ["publish", "id"],
    ["request", "key"],
    ["request", "id"],
  ] as const)(
    "[P-PUB-2] a %s whose %s has half of a surrogate pair is refused, and one with a whole pair is not",
    (type, field) => {
      expect(parseClientMessage({ ...complete[type], [field]: "a😀" }).ok).toBe(true);
      for (const half of ["a\ud83d", "\ude00", "\ude00\ud83d"]) {
        const outcome = parseClientMessage({ ...complete[type], [field]: half });
        expect(outcome).toMatchObject({ failure: { code: "bad_message" } });
        expect(!outcome.ok && outcome.failure.message).toMatch(
          new RegExp(`^${field} must be well-formed Unicode`),
        );
      }
    },
  );

  it("parseClientMessage ignores inherited fields", () => {
    const message: unknown = Object.create({ type: "ping", id: 1 });
    expect(parseClientMessage(message)).toMatchObject({ ok: false, id: null });
    const subscribe: unknown = Object.assign(Object.create({ channel: "a" }), {
      type: "subscribe",
      id: 1,
    });
    expect(parseClientMessage(subscribe)).toMatchObject({
      failure: { message: "channel is missing" },
    });
  });

  it("parseClientMessage names the first wrong field when several are wrong", () => {
    expect(parseClientMessage({ type: "publish", channel: "a:", event: "" })).toMatchObject({
      failure: { code: "invalid_channel" },
    });
  });

  it("the events filter of a subscribe drops duplicates and allows at most 64 names", () => {
    const read = (events: unknown) => parseClientMessage({ ...complete.subscribe, events });
    expect(read(["a", "b", "a"])).toMatchObject({ value: { events: ["a", "b"] } });
    expect(read(Array.from({ length: messageBounds.eventNames }, (_, i) => `e${i}`)).ok).toBe(true);
    expect(read(Array.from({ length: messageBounds.eventNames + 1 }, (_, i) => `e${i}`)).ok).toBe(
      false,
    );
    expect(read(["a", 1]).ok).toBe(false);
    expect(read([""]).ok).toBe(false);
  });

  it("parseClientMessage never throws and returns only a known message type or a refusal", () => {
    const field = fc.constantFrom(...new Set(types.flatMap((type) => Object.keys(complete[type]))));
    // A message from the wire never has an undefined field, so the test generates none.
    const there = fc.anything().filter((value) => value !== undefined);
    const near = fc
      .tuple(fc.constantFrom(...types), fc.dictionary(field, there, { maxKeys: 5 }))
      .map(([type, fields]) => ({ ...complete[type], ...fields, type }));
    fc.assert(
      fc.property(fc.oneof(fc.anything({ withNullPrototype: true }), anyJson, near), (value) => {
        const outcome = parseClientMessage(value);
        if (!outcome.ok) {
          expect(outcome.failure.message).not.toBe("");
          return;
        }
        const { type } = outcome.value;
        expect(Object.keys(complete[type])).toEqual(
          expect.arrayContaining(Object.keys(outcome.value)),
        );
        expect(Object.keys(outcome.value)).toEqual(expect.arrayContaining([...required[type]]));
        expect(Object.values(outcome.value)).not.toContain(undefined);
        // Parsing the result a second time must return the same message. Otherwise the parser did not check a
        // part of it.
        const again = { ...outcome.value, ...rewritten(outcome.value) };
        expect(parseClientMessage(again)).toEqual(outcome);
      }),
      { numRuns: 500 },
    );
  });

  it("a field named __proto__ in the data of a publish stays data and changes no prototype", () => {
    const json = parseJson(
      '{"type":"publish","channel":"a","event":"b","data":{"__proto__":{"x":1}}}',
    );
    const outcome = parseClientMessage(json.ok && json.value);
    expect(outcome.ok && JSON.stringify(outcome.value)).toContain('"__proto__":{"x":1}');
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
});

/** Returns a parsed message in which positions are strings again, as clients send them. */
function rewritten(message: object): Record<string, unknown> {
  const text = (value: unknown) =>
    typeof value === "object" &&
    value !== null &&
    "epoch" in value &&
    "offset" in value &&
    "tag" in value
      ? `${value.epoch}.${value.offset}.${value.tag}`
      : value;
  return Object.fromEntries(
    Object.entries(message)
      .filter(([field]) => field === "since" || field === "position")
      .map(([field, value]) => [field, text(value)]),
  );
}

describe("readSince", () => {
  it.each([
    ["start", "start"],
    ["now", "now"],
    ["e.3.t", position],
    [{ last: 1 }, { last: 1 }],
    [{ last: 10_000, more: true }, { last: 10_000 }],
  ])("readSince accepts %j as the start of a subscription", (value, since) => {
    expect(readSince(value)).toEqual({ ok: true, value: since });
  });

  it.each(["", "START", "e.3", "latest"])(
    "[P-POS-1] readSince refuses the text %j as the start of a subscription",
    (value) => {
      expect(readSince(value)).toMatchObject({ ok: false, failure: { code: "invalid_position" } });
    },
  );
});
