import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { type LogPolicy, rollUpName } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { MilepostError } from "@milepost/protocol";
import { createClient } from "@redis/client";
import { afterAll, test as anyTest, describe, expect } from "vitest";
import { AppendCalls } from "./append-calls.ts";
import type { GroupOutcome } from "./append-group.ts";
import { connectRedis, redisEngine } from "./index.ts";
import { Keys } from "./keys.ts";
import { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import type { Script } from "./script.ts";
import { startRedis } from "./testing/redis-server.ts";

const isMissing = process.env.MILEPOST_REDIS_SERVER === undefined;
const test = anyTest.skipIf(isMissing);
const redis = isMissing ? undefined : await startRedis();
const admin = createClient({ url: redis?.adminUrl ?? "", RESP: 2 });
if (!isMissing) await admin.connect();
afterAll(async () => {
  if (!isMissing) admin.destroy();
  await redis?.[Symbol.asyncDispose]();
});

const policy: LogPolicy = { maxEntries: 1_000, maxAgeMs: 3_600_000, dedupeMs: 60_000 };
const entry = (n: number) => ({ event: "e", json: String(n), publisher: "p" });
let made = 0;

/** Returns `stored` or the code of the refusal, for each append. */
function outcomesOf(settled: readonly PromiseSettledResult<unknown>[]): readonly string[] {
  return settled.map((outcome) =>
    outcome.status === "fulfilled" ? "stored" : (outcome.reason as MilepostError).code,
  );
}

/** One node's engine over a link that counts the calls of the append script. */
async function node(prefix = `milepost:calls${++made}`) {
  const link = await connectRedis({ url: redis?.url ?? "" });
  let calls = 0;
  const run = link.run.bind(link);
  link.run = (script, keys, args) => {
    if (script.name === "append") calls++;
    return run(script, keys, args);
  };
  const clock = new ManualClock();
  const engine = redisEngine(link, { prefix })({ clock, random: new SeededRandom(++made) });
  return {
    prefix,
    link,
    log: engine.log,
    /** Number of calls of the append script since the last look. */
    calls: () => {
      const counted = calls;
      calls = 0;
      return counted;
    },
    [Symbol.asyncDispose]: () => engine.close(),
  };
}

describe("appends of a tick", () => {
  test("are one call of a script, for one channel and for many", async () => {
    await using one = await node();
    const many = (channelOf: (n: number) => string) =>
      Promise.all(
        Array.from({ length: 60 }, (_, n) => one.log.append(channelOf(n), entry(n), policy)),
      );
    await many(() => "one");
    expect(one.calls()).toBe(1);
    // The first call with several channels is made beside the question whether the server takes their keys together.
    await many((n) => `of${n % 30}`);
    one.calls();
    const appended = await many((n) => `of${n % 30}`);
    expect(one.calls()).toBe(1);
    expect(appended.map(({ publication }) => publication.position.offset)).toEqual(
      Array.from({ length: 60 }, (_, n) => (n < 30 ? 3 : 4)),
    );
  });

  test("are several calls where they are very many or large, in their order", async () => {
    await using one = await node();
    const few = Array.from({ length: 300 }, (_, n) => one.log.append("c", entry(n), policy));
    await Promise.all(few);
    expect(one.calls()).toBe(3);
    const large = { ...entry(0), json: JSON.stringify("x".repeat(150_000)) };
    await Promise.all([1, 2, 3, 4].map(() => one.log.append("c", large, policy)));
    expect(one.calls()).toBe(2);
    const { entries } = await one.log.read("c", 0, 1_000, policy);
    expect(entries.slice(0, 300).map(({ json }) => Number(json))).toEqual(
      Array.from({ length: 300 }, (_, n) => n),
    );
  });

  test("are seen by a read that the same tick makes after them", async () => {
    await using one = await node();
    const appending = one.log.append("c", entry(1), policy);
    const { entries } = await one.log.read("c", 0, 10, policy);
    expect(entries).toEqual([(await appending).publication]);
  });

  test("fail only where a key of their channel is another program's", async () => {
    await using one = await node();
    await Promise.all(["a", "b"].map((name) => one.log.append(name, entry(0), policy)));
    const keys = new Keys(one.prefix).log("foreign", policy);
    await admin.set(keys[0], "something else");
    await one.log.append("in-stream", entry(1), policy);
    const inStream = new Keys(one.prefix).log("in-stream", policy);
    await admin.set(inStream[1], "something else");
    await one.log.append("a", entry(1), policy);
    const settled = await Promise.allSettled(
      ["a", "foreign", "in-stream", "b", "in-stream"].map((name) =>
        one.log.append(name, entry(2), policy),
      ),
    );
    expect(outcomesOf(settled)).toEqual([
      ...["stored", "store_unavailable", "store_unavailable", "stored", "store_unavailable"],
    ]);
  });

  test("fail only where their own dedupe key is another program's", async () => {
    await using one = await node();
    await Promise.all(["a", "b"].map((name) => one.log.append(name, entry(0), policy)));
    const keyed = (key: string, n: number) => ({ ...entry(n), key });
    await admin.set(new Keys(one.prefix).dedupe("b", policy, "p", "foreign"), "something else");
    const settled = await Promise.allSettled([
      one.log.append("a", keyed("own", 1), policy),
      one.log.append("b", keyed("own", 1), policy),
      one.log.append("b", keyed("foreign", 2), policy),
      one.log.append("b", keyed("next", 3), policy),
    ]);
    expect(outcomesOf(settled)).toEqual(["stored", "stored", "store_unavailable", "stored"]);
    const { entries } = await one.log.read("b", 0, 10, policy);
    expect(entries.map(({ json }) => json)).toEqual(["0", "1", "3"]);
  });

  test("fail only where the metadata of their log are another program's", async () => {
    await using one = await node();
    await Promise.all(["a", "b"].map((name) => one.log.append(name, entry(0), policy)));
    await admin.hSet(new Keys(one.prefix).log("foreign", policy)[0], { epoch: "e", offset: "no" });
    const settled = await Promise.allSettled(
      ["a", "foreign", "b"].map((name) => one.log.append(name, entry(1), policy)),
    );
    expect(outcomesOf(settled)).toEqual(["stored", "store_unavailable", "stored"]);
  });

  test("[P-WILD-2] store nothing where the copy in the roll-up cannot be stored", async () => {
    await using one = await node();
    const rolled: LogPolicy = { ...policy, rollUp: { segments: 1, policy } };
    const name = rollUpName("c:1", 1);
    const [, stream] = new Keys(one.prefix).log(name, policy);
    for (const spoil of [
      () => admin.set(stream, "something else"),
      () => admin.xAdd(stream, "1000-0", { another: "program" }),
    ]) {
      await one.log.append("c:1", entry(1), rolled);
      await one.log.append("other", entry(1), policy);
      const before = await one.log.read("c:1", 0, 10, rolled);
      await admin.del(stream);
      await spoil();
      const settled = await Promise.allSettled([
        one.log.append("other", entry(2), policy),
        one.log.append("c:1", entry(2), rolled),
        one.log.append("c:1", entry(3), rolled),
      ]);
      expect(outcomesOf(settled)).toEqual(["stored", "store_unavailable", "store_unavailable"]);
      expect(await one.log.read("c:1", 0, 10, rolled)).toEqual(before);
      await admin.del(stream);
    }
  });
});

describe("an answer that does not fit", () => {
  /** Appends to the channels a and b over a link that gives one answer. */
  async function outcomesOver(answers: unknown, onOutcome: (outcome: GroupOutcome) => void) {
    const errors: unknown[] = [];
    const appends = new AppendCalls({
      // A cluster has a call for each channel; this server takes them in one.
      link: { publishCommand: "PUBLISH", run: async () => answers } as unknown as RedisLink,
      keys: new Keys("m"),
      clock: new RedisClock(new ManualClock(), () => 0),
      random: new SeededRandom(1),
      onOutcome,
      onError: (error) => errors.push(error),
    });
    await Promise.allSettled(["a", "b"].map((c) => appends.append(c, entry(0), policy)));
    const settled = await Promise.allSettled(
      ["a", "b"].map((c) => appends.append(c, entry(1), policy)),
    );
    return { outcomes: outcomesOf(settled), errors };
  }
  const summary = "epoch 1 before 1 0 0 - -";

  for (const [says, answers] of [
    ["lacks a channel", [summary]],
    ["is no list", "OK"],
    ["is absent", null],
  ] as const) {
    anyTest(`[G2] that ${says} fails every append of its call`, async () => {
      const { outcomes } = await outcomesOver(answers, () => {});
      expect(outcomes).toEqual(["store_unavailable", "store_unavailable"]);
    });
  }

  for (const [says, answer] of [
    ["names no position", "epoch"],
    ["says of no entry why it was not stored", "- 0 - 0 0 0 - -"],
    ["has an entry that cannot be read", [summary, 1, 1, "not an entry"]],
    ["is a number", 7],
  ] as const) {
    anyTest(`[G2] of one channel that ${says} fails the appends of that channel only`, async () => {
      const { outcomes } = await outcomesOver([answer, summary], () => {});
      expect(outcomes).toEqual(["store_unavailable", "stored"]);
    });
  }

  anyTest("fails no append where only the look at its outcome fails", async () => {
    const failure = new Error("the look has failed");
    const { outcomes, errors } = await outcomesOver([summary, summary], () => {
      throw failure;
    });
    expect(outcomes).toEqual(["stored", "stored"]);
    expect(errors).toContain(failure);
  });
});

describe("a log that nobody reads", () => {
  test("[P-STORE-2] is trimmed by its appends, within 32 entries of its maximum number and an eighth of its maximum size", async () => {
    await using one = await node();
    const few = { ...policy, maxEntries: 128 };
    for (let n = 0; n < 300; n++) await one.log.append("few", entry(n), few);
    const [, fewStream] = new Keys(one.prefix).log("few", few);
    expect(await admin.xLen(fewStream)).toBeLessThanOrEqual(128 + 32);
    const small = { ...policy, maxBytes: 1_048_576 };
    const large = { ...entry(0), json: JSON.stringify("x".repeat(15_998)) };
    for (let n = 0; n < 111; n++) await one.log.append("small", large, small);
    const [, smallStream] = new Keys(one.prefix).log("small", small);
    expect(await admin.xLen(smallStream)).toBeLessThanOrEqual((1_048_576 * 1.125) / 16_000 + 1);
  });

  test("has entries that Redis removes, also when it was read before its first entry", async () => {
    await using one = await node();
    const short = { ...policy, maxAgeMs: 60_000 };
    await one.log.read("read", 0, 1, short);
    await one.log.append("read", entry(1), short);
    const [, stream] = new Keys(one.prefix).log("read", short);
    expect(await admin.pTTL(stream)).toBeGreaterThan(0);
  });
});

describe("a server that refuses keys of several hash tags", () => {
  /** Link of such a server; records the channels of each call. */
  function refusingLink() {
    const calls: string[][] = [];
    const run = async (_: Script, keys: readonly string[], args: readonly string[]) => {
      const metas = keys.filter((key) => key.endsWith(":log"));
      if (metas.length > 1) {
        throw new MilepostError("store_unavailable", "Redis refused the command", {
          cause: new Error("CROSSSLOT Keys in request don't hash to the same slot"),
        });
      }
      calls.push(metas);
      return metas.map(() => `epoch ${args.length} before 1 0 0 - -`);
    };
    return { calls, link: { publishCommand: "PUBLISH", run } as unknown as RedisLink };
  }

  anyTest("gets one call for each channel", async () => {
    const { calls, link } = refusingLink();
    const clock = new ManualClock();
    const appends = new AppendCalls({
      link,
      keys: new Keys("m"),
      clock: new RedisClock(clock, () => 0),
      random: new SeededRandom(1),
      onOutcome: () => {},
      onError: () => {},
    });
    const all = () => Promise.all(["a", "b", "a"].map((c) => appends.append(c, entry(1), policy)));
    await all();
    await all();
    await all();
    expect(calls).toEqual([1, 2, 3].flatMap(() => [["m:{a}:a:log"], ["m:{b}:b:log"]]));
  });
});

describe("a gateway of the previous version beside one of this version", () => {
  const text = readFileSync(new URL("testing/previous-append.lua", import.meta.url), "utf8");
  const previous: Script = {
    name: "previous",
    text,
    sha: createHash("sha1").update(text).digest("hex"),
  };

  /** Appends as the previous version does. Returns the outcome and the offset of the entry. */
  async function appendAsBefore(
    { link, prefix }: Awaited<ReturnType<typeof node>>,
    n: number,
    kept: LogPolicy,
    key?: string,
  ): Promise<readonly [outcome: number, offset: number]> {
    const names = new Keys(prefix);
    const keys: string[] = [...names.log("shared", kept)];
    if (key !== undefined) keys.push(names.dedupe("shared", kept, "p", key));
    const { maxEntries, maxAgeMs, maxBytes = 8_388_608, projection } = kept;
    const answer = (await link.run(previous, keys, [
      ...[String(Math.round(link.now() ?? 0)), "e", "-", JSON.stringify({ id: n }), "PUBLISH", ""],
      ...[key === undefined ? "" : "60000", "", "", `epoch${n}`],
      ...[String(maxEntries), String(maxAgeMs), String(maxBytes), projection ? "1" : ""],
      ...[`tag${n}`, names.bus("shared", kept), ""],
    ])) as [number, string];
    return [answer[0], Number(answer[1].split(" ")[1])];
  }

  for (const kept of [
    policy,
    { ...policy, maxEntries: 20 },
    { ...policy, maxEntries: 200, projection: "keyed:id" },
    { ...policy, maxBytes: 2_000 },
  ] satisfies LogPolicy[]) {
    const what = `${kept.maxEntries} entries${kept.maxBytes ? ` of ${kept.maxBytes} bytes` : ""}`;
    const folded = kept.projection === undefined ? "" : " and a state";
    test(`[G1] [G3] appends to the same log of ${what}${folded}, each reading what the other has written`, async () => {
      await using one = await node();
      await one.link.run(previous, new Keys(one.prefix).log("probe", kept), []).catch(() => {});
      const heard: string[] = [];
      await admin.pSubscribe(`${one.prefix}*`, (message) => heard.push(message));
      const append = (n: number, key?: string) => {
        const json = JSON.stringify({ id: n });
        const keyed = key === undefined ? {} : { key };
        return one.log.append("shared", { event: "e", json, publisher: "p", ...keyed }, kept);
      };
      let n = 0;
      for (let round = 0; round < 24; round++) {
        const key = `key ${round}`;
        expect(await appendAsBefore(one, ++n, kept, key)).toEqual([0, n]);
        const again = await append(999, key);
        expect(again).toMatchObject({ duplicate: true, publication: { position: { offset: n } } });
        const some = await Promise.all(
          Array.from({ length: (round % 5) * 5 + 1 }, () => append(++n, `new ${n}`)),
        );
        expect(some.at(-1)?.publication.position.offset).toBe(n);
        expect(await appendAsBefore(one, 999, kept, `new ${n}`)).toEqual([1, n]);
      }
      const { entries, floor, head } = await one.log.read("shared", 0, 1_000, kept);
      expect(head.offset).toBe(n);
      expect(floor.offset + entries.length).toBe(n);
      const ids = entries.map(({ json }) => (JSON.parse(json) as { id: number }).id);
      expect(ids).toEqual(entries.map(({ position }) => position.offset));
      for (const [index, { previousTag }] of entries.entries()) {
        expect(previousTag).toBe((entries[index - 1]?.position ?? floor).tag);
      }
      const bytes = entries.reduce((sum, { json }) => sum + json.length, 0);
      if (kept.maxBytes === undefined) expect(entries).toHaveLength(Math.min(n, kept.maxEntries));
      else {
        const next = JSON.stringify({ id: n }).length;
        expect(bytes).toBeLessThanOrEqual(kept.maxBytes);
        expect(bytes).toBeGreaterThan(kept.maxBytes - 2 * next);
      }
      if (kept.projection !== undefined) {
        const { snapshot } = await one.log.snapshot("shared", kept);
        // The projection keeps the newest 100.
        const newest = Array.from({ length: 100 }, (_, at) => String(n - 99 + at));
        expect(Object.keys(snapshot?.state ?? {})).toEqual(newest);
      }
      await expect.poll(() => heard.length).toBe(n);
      await admin.pUnsubscribe();
    });
  }

  test("makes keys that Redis removes, whichever of them wrote last", async () => {
    await using one = await node();
    for (const asBefore of [true, false]) {
      const n = asBefore ? 1 : 2;
      if (asBefore) await appendAsBefore(one, n, policy, "k");
      else await one.log.append("shared", { ...entry(n), key: "l" }, policy);
      const keys = await admin.keys(`${one.prefix}*`);
      expect(keys.length).toBeGreaterThan(2);
      for (const key of keys) expect(await admin.pTTL(key)).toBeGreaterThan(0);
    }
  });
});
