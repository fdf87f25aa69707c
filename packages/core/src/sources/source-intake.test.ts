import { FaultyEngine } from "@milepost/engine/testing";
import type { StandardSchema } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";

const retention = { maxEntries: 100, maxAgeMs: 3_600_000 };
const open = { subscribe: "granted", publish: "granted", retention } as const;
const aNumber: StandardSchema = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) =>
      typeof value === "number" ? { value } : { issues: [{ message: "must be a number" }] },
  },
};
const rules = [
  { pattern: "strict:*", ...open, schema: { n: aNumber } },
  { pattern: "busy:*", ...open, rate: { perSecond: 1, burst: 1 } },
  { pattern: "shut:*", ...open, publish: "nobody" },
  { pattern: "job:*", ...open },
] as const;

const good = { channel: "job:a", event: "n", data: "1" };

function take(t: TestCore, fields: Readonly<Record<string, string>>, id = "1-0", attempt = 1) {
  return t.core.sources.take("work", { id, fields, attempt });
}

async function deadLetters(t: TestCore) {
  return (await t.core.deadLetters.list(t.service, {})).letters;
}

async function entries(t: TestCore, channel = "job:a") {
  return (await t.core.channels.history(t.service, channel)).entries;
}

describe("entries of sources", () => {
  test("[P-SRC-1] an entry of a source is published once per id, or once per key if the entry has a key", async () => {
    await using t = testCore({ rules });
    expect(await take(t, good)).toBe("stored");
    expect(await take(t, good)).toBe("duplicate");
    expect(await take(t, { ...good, key: "k", priority: "high", other: "x" }, "2-0")).toBe(
      "stored",
    );
    expect(await take(t, { ...good, key: "k" }, "3-0")).toBe("duplicate");
    // Another source or a backend may use the same id or key for a publication of its own.
    expect(await t.core.sources.take("other", { id: "1-0", fields: good, attempt: 1 })).toBe(
      "stored",
    );
    await t.publish("job:a", "n", 2, "k");
    expect((await entries(t)).map(({ data }) => data)).toEqual([1, 1, 1, 2]);
    expect(await deadLetters(t)).toEqual([]);
  });

  test("[P-SRC-2] a source's entry with data that were not UTF-8 becomes a dead letter, and one with U+FFFD as its data is published", async () => {
    await using t = testCore({ rules });
    const fields = { ...good, data: '"\ufffd"' };
    const entry = { id: "1-0", fields, damaged: ["data"], attempt: 1 };
    expect(await t.core.sources.take("work", entry)).toBe("dead_letter");
    const [deadLetter] = await deadLetters(t);
    expect(deadLetter?.reason).toMatch(/^publish_failed: bad_message: the field data .* not UTF-8/);
    // A field that the gateway does not read may hold any bytes.
    const other = { ...entry, id: "2-0", damaged: ["other"] };
    expect(await t.core.sources.take("work", other)).toBe("stored");
  });

  for (const [what, fields, reason] of [
    ["no JSON", { ...good, data: "{" }, "bad_json"],
    ["JSON nested too deep", { ...good, data: "[".repeat(100) + "]".repeat(100) }, "too_deep"],
    ["a priority that is none", { ...good, priority: "most" }, "bad_message"],
    ["a channel that is no name", { ...good, channel: "job:*?\u0000" }, "invalid_channel"],
    ["a key that was not UTF-8", { ...good, key: "a\ufffd" }, "bad_message"],
    ["no channel", { event: "n", data: "1" }, "bad_message"],
    ["no event", { channel: "job:a", data: "1" }, "bad_message"],
  ] as const) {
    test(`[P-SRC-2] a source's entry with ${what} becomes a dead letter with its fields unchanged and cannot be replayed`, async () => {
      await using t = testCore({ rules });
      expect(await take(t, fields)).toBe("dead_letter");
      const [deadLetter] = await deadLetters(t);
      const channel = "channel" in fields && fields.channel === "job:a" ? "job:a" : "";
      expect(deadLetter).toMatchObject({ channel, attempts: 1, entry: { data: fields } });
      expect(deadLetter?.reason).toMatch(
        new RegExp(`^publish_failed: ${reason}: .{10}.*\\(entry 1-0 of work\\)$`),
      );
      expect(t.faults).toEqual([
        {
          level: "warn",
          fields: { event: "source.dead_letter", stream: "work", entry: "1-0", code: reason },
          message: "an entry of a source is a dead letter",
        },
      ]);
      await expect(
        t.core.deadLetters.replay(t.service, deadLetter?.id ?? ""),
      ).rejects.toMatchObject({
        code: "not_possible_now",
      });
      expect(await entries(t)).toEqual([]);
    });
  }

  test("[P-SRC-2] the dead letter of an incomplete entry names the missing fields", async () => {
    await using t = testCore({ rules });
    await take(t, { channel: "job:a" });
    expect((await deadLetters(t))[0]?.reason).toContain("it lacks event, data (entry 1-0 of work)");
  });

  test("[P-SRC-2] the dead letter of a source's entry names the entry even if its reason is shortened", async () => {
    await using t = testCore({ rules });
    const id = "1-0".padEnd(20, "0");
    await take(t, { ...good, channel: `job:${"x".repeat(2_000)}` }, id);
    expect((await deadLetters(t))[0]?.reason).toMatch(new RegExp(`\\(entry ${id} of work\\)$`));
  });

  for (const [what, fields, reason] of [
    ["an event of the protocol", { ...good, event: "welcome" }, "invalid_event"],
    ["an empty key", { ...good, key: "" }, "bad_message"],
    ["half of a surrogate pair as its key", { ...good, key: "\ud800" }, "bad_message"],
    ["data its schema refuses", { ...good, channel: "strict:a", data: '"x"' }, "invalid_data"],
    ["a channel nobody may publish to", { ...good, channel: "shut:a" }, "forbidden"],
    ["the channel of an operation", { ...good, channel: "operation:9" }, "forbidden"],
  ] as const) {
    test(`[P-SRC-2] a source's entry with ${what} becomes a dead letter at once`, async () => {
      await using t = testCore({ rules });
      expect(await take(t, fields)).toBe("dead_letter");
      const [deadLetter, ...rest] = await deadLetters(t);
      expect(rest).toEqual([]);
      expect(deadLetter).toMatchObject({ channel: fields.channel, entry: { event: fields.event } });
      expect(deadLetter?.reason).toMatch(new RegExp(`^publish_failed: ${reason}: .{10}`));
      // The rules have not changed, so a replay is refused as well.
      await expect(
        t.core.deadLetters.replay(t.service, deadLetter?.id ?? ""),
      ).rejects.toMatchObject({
        code: reason,
      });
      // An entry that arrives again after a crash before its acknowledgement still has one dead letter.
      await take(t, fields, "1-0", 2);
      expect((await deadLetters(t)).length).toBe(1);
    });
  }

  test("[P-SRC-2] a source's entry for an ended channel becomes a dead letter, and a replay publishes it once the channel is purged", async () => {
    await using t = testCore({ rules });
    await t.core.channels.end(t.service, "job:a");
    expect(await take(t, good)).toBe("dead_letter");
    await t.core.channels.purge(t.service, "job:a");
    const [deadLetter] = await deadLetters(t);
    const replayed = await t.core.deadLetters.replay(t.service, deadLetter?.id ?? "");
    expect(replayed).toMatchObject({ to: "channel", position: (await entries(t))[0]?.position });
    expect(await deadLetters(t)).toEqual([]);
    expect(await take(t, good)).toBe("duplicate");
  });

  test("[P-SRC-3] an entry that fails because of an outage or a rate limit is retried and never becomes a dead letter", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    faulty.losesAnswer = () => true;
    await expect(take(t, good)).rejects.toMatchObject({ code: "store_unavailable" });
    faulty.losesAnswer = () => false;
    faulty.isDown = true;
    for (let attempt = 2; attempt < 100; attempt++) {
      await expect(take(t, good, "1-0", attempt)).rejects.toMatchObject({ retryable: true });
    }
    faulty.isDown = false;
    // The answer was lost, but the entry was stored.
    expect(await take(t, good, "1-0", 100)).toBe("duplicate");
    expect(await take(t, { ...good, channel: "busy:a" }, "2-0")).toBe("stored");
    for (let attempt = 1; attempt < 100; attempt++) {
      await expect(take(t, { ...good, channel: "busy:a" }, "3-0", attempt)).rejects.toMatchObject({
        code: "rate_limited",
        retryAfterMs: expect.any(Number),
      });
    }
    expect(await deadLetters(t)).toEqual([]);
  });

  test("[P-SRC-3] an entry that fails with an internal error becomes a dead letter after five attempts", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    faulty.refuses = () => {
      throw new TypeError("a fault of the program");
    };
    for (let attempt = 1; attempt < 5; attempt++) {
      await expect(take(t, good, "1-0", attempt)).rejects.toMatchObject({ code: "internal" });
    }
    expect(await take(t, good, "1-0", 5)).toBe("dead_letter");
    expect((await deadLetters(t))[0]?.reason).toMatch(/^publish_failed: internal/);
    expect(t.faults.some(({ fields }) => fields.source === "work")).toBe(true);
  });
});
