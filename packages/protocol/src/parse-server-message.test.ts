import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { failure } from "./failure.ts";
import { encodeEvent } from "./json-dialect.ts";
import { parseServerMessage, parseSubscribed } from "./parse-server-message.ts";
import type { ServerMessage } from "./server-message.ts";
import { anyJson, anyPublication } from "./testing/any-publication.ts";

const error = failure("rate_limited", "slow down", 9);
const snapshot = { projection: "latest", state: null };

/** Messages of every type with every field. */
const complete = {
  welcome: {
    type: "welcome",
    connection_id: "c",
    session_id: null,
    user_id: "u",
    node: "n",
    version: "1",
    ping_interval_ms: 30_000,
    limits: { max_message_bytes: 1_048_576, max_subscriptions: 100 },
    expires_at: null,
    degraded: false,
  },
  reply: { type: "reply", id: 1, error, event_id: "a@e.1.t" },
  subscribed: {
    type: "subscribed",
    channel: "a",
    position: "e.1.t",
    recovered: false,
    reason: "trimmed",
    snapshot,
    event_id: "a@e.1.t",
  },
  event: {
    type: "event",
    channel: "a",
    position: "e.1.t",
    since: "e.0.0",
    event: "b",
    data: null,
    ts: 1,
  },
  gap: { type: "gap", channel: "a", from: "e.0.0", to: "e.1.t", reason: "limit", event_id: "x" },
  reset: {
    type: "reset",
    channel: "a",
    position: "e.1.t",
    snapshot,
    reason: "epoch_changed",
    event_id: "x",
  },
  presence: {
    type: "presence",
    channel: "a",
    epoch: "e",
    since: 1,
    version: 2,
    joined: [{ id: "user:7", user_id: "7", since: 1 }],
    left: ["session:s"],
    count: 1,
    typing: [],
  },
  notice: {
    type: "notice",
    code: "server_shutting_down",
    reconnect: { min_ms: 0, max_ms: 100 },
    expires_at: 1,
  },
  end: { type: "end", channel: "a", position: "e.1.t", reason: "over", event_id: "x" },
  unsubscribed: { type: "unsubscribed", channel: "a", position: "e.1.t", reason: "forbidden" },
  chunk: { type: "chunk", stream: 1, index: 0, data: null, last: true },
  ping: { type: "ping" },
  pong: { type: "pong", id: 1 },
} satisfies { [T in ServerMessage["type"]]: Extract<ServerMessage, { type: T }> };

const optional = new Set([
  "degraded",
  "event_id",
  "since",
  "reconnect",
  "pong.id",
  "chunk.index",
  "chunk.data",
  "chunk.last",
  "notice.expires_at",
  "subscribed.reason",
  "subscribed.snapshot",
  "presence.typing",
]);

const fields = Object.entries(complete).flatMap(([type, message]) =>
  Object.keys(message)
    .filter((field) => field !== "type")
    .map((field) => [type, field, message as Record<string, unknown>] as const),
);

describe("parseServerMessage", () => {
  it.each(Object.values(complete))(
    "parseServerMessage accepts a $type message with every field",
    (message) => {
      const outcome = parseServerMessage(message);
      expect(outcome).toMatchObject({ ok: true, value: { type: message.type } });
    },
  );

  it.each(fields.filter(([, field]) => field !== "data"))(
    "%s whose %s has a wrong type is refused with the name of the field",
    (type, field, message) => {
      const list = Array.isArray(message[field]) ? [7] : [];
      for (const value of [{}, list, () => 0, Symbol.iterator, Number.NaN]) {
        const outcome = parseServerMessage({ ...message, [field]: value });
        expect(outcome).toMatchObject({
          ok: false,
          failure: { code: "bad_message", message: `${type}: ${field} is missing or wrong` },
        });
      }
    },
  );

  it.each(fields)(
    "%s without %s is accepted only if that field is optional",
    (type, field, message) => {
      const { [field]: _, ...rest } = message;
      const mayLack = optional.has(field) || optional.has(`${type}.${field}`);
      expect(parseServerMessage(rest).ok).toBe(mayLack);
    },
  );

  it("[P-SRV-1] a server message of an unknown type is parsed as unknown, not refused", () => {
    for (const type of ["brand_new", "chunks", "", "toString", "__proto__", "constructor"]) {
      expect(parseServerMessage({ type, any: 1 })).toEqual({
        ok: true,
        value: { type: "unknown" },
      });
    }
  });

  it("[P-PRES-6] a presence message without the field since is parsed as a complete list of members", () => {
    const list = { type: "presence", channel: "a", epoch: "e", version: 2, count: 1, typing: [] };
    const members = [{ id: "user:7", since: 1 }];
    expect(parseServerMessage(list).ok).toBe(true);
    expect(parseServerMessage({ ...list, members }).ok).toBe(true);
    expect(parseServerMessage({ ...list, members: [{ id: "user:7" }] }).ok).toBe(false);
    expect(parseServerMessage({ ...list, typing: undefined }).ok).toBe(false);
    expect(parseServerMessage({ ...list, since: 1 }).ok).toBe(false);
    const subscribed = { channel: "a", position: "e.1.t", recovered: true };
    expect(parseSubscribed({ ...subscribed, presence: { ...list, members } }).ok).toBe(true);
    expect(parseSubscribed({ ...subscribed, presence: { ...list, epoch: 1 } }).ok).toBe(false);
  });

  it("[P-SRV-1] a server message may have unknown fields", () => {
    for (const message of Object.values(complete)) {
      expect(parseServerMessage({ ...message, more: { a: 1 } }).ok).toBe(true);
    }
  });

  it("[P-SRV-2] an error code that only a newer gateway knows is mapped to a known code and keeps its retry information", () => {
    const error = { code: "brand_new", message: "why", retryable: true, retry_after_ms: 3 };
    expect(parseServerMessage({ type: "reply", id: null, error })).toEqual({
      ok: true,
      value: {
        type: "reply",
        id: null,
        error: { code: "internal", message: "brand_new: why", retryable: true, retry_after_ms: 3 },
      },
    });
  });

  it("parseServerMessage refuses a reply without an error or a result, and a result without an id", () => {
    expect(parseServerMessage({ type: "reply", id: 1, result: null }).ok).toBe(true);
    expect(parseServerMessage({ type: "reply", id: "a", result: { any: [] } }).ok).toBe(true);
    expect(parseServerMessage({ type: "reply", id: 1 }).ok).toBe(false);
    expect(parseServerMessage({ type: "reply", id: null, result: 1 }).ok).toBe(false);
    expect(parseServerMessage({ type: "reply", id: 1, error: { code: 7 } }).ok).toBe(false);
    expect(parseServerMessage({ type: "reply", id: 1, error: null }).ok).toBe(false);
  });

  it("parseServerMessage returns an encoded publication with every field unchanged", () => {
    fc.assert(
      fc.property(anyPublication, (publication) => {
        const message: unknown = JSON.parse(encodeEvent(publication));
        expect(parseServerMessage(message)).toEqual({ ok: true, value: message });
      }),
    );
  });

  it("parseServerMessage never throws for any value", () => {
    const near = fc
      .tuple(
        fc.constantFrom(...Object.values(complete)),
        fc.dictionary(fc.constantFrom(...fields.map(([, field]) => field)), fc.anything()),
      )
      .map(([message, changes]) => ({ ...message, ...changes }));
    fc.assert(
      fc.property(fc.oneof(fc.anything({ withNullPrototype: true }), anyJson, near), (value) => {
        const outcome = parseServerMessage(value);
        if (outcome.ok && outcome.value.type === "event") {
          expect(typeof outcome.value.channel).toBe("string");
          expect(outcome.value.ts).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("parseSubscribed", () => {
  it("parseSubscribed accepts a result with only its required fields", () => {
    const result = { channel: "a", position: "e.1.t", recovered: true };
    expect(parseSubscribed(result)).toEqual({ ok: true, value: result });
  });

  it.each([
    null,
    [],
    "a",
    {},
    { channel: "a", position: "e.1.t" },
    { channel: "a", position: 1, recovered: true },
  ])("parseSubscribed refuses the result %j", (value) => {
    expect(parseSubscribed(value)).toMatchObject({ ok: false, failure: { code: "bad_message" } });
  });
});
