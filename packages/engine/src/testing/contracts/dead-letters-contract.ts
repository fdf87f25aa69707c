import { describe, expect, test } from "vitest";
import type { DeadLetterStore, NewDeadLetter } from "../../index.ts";
import type { MakeEngine } from "./engine-harness.ts";

const bounds = { maxDeadLetters: 100, maxLength: 10_000, maxAgeMs: 60_000 };

function deadLetter(source: string, rest: Partial<NewDeadLetter> = {}): NewDeadLetter {
  return {
    source,
    at: 1_000,
    channel: "job:a",
    reason: "not_acknowledged",
    attempts: 3,
    entry: { position: "e.1.t", event: "n", json: "1", ts: 500 },
    ...rest,
  };
}

/** Contract tests of the dead-letter store; every engine runs them. */
export function deadLettersContract(name: string, make: MakeEngine): void {
  const sources = async (deadLetters: DeadLetterStore, query: object = {}) =>
    (await deadLetters.list({ limit: 100, ...query })).map(({ source }) => source);

  describe(`${name} dead letters`, () => {
    test("a dead letter is kept as it was put, and found by its id", async () => {
      await using harness = await make();
      const { deadLetters } = harness.engine;
      const subscriber = { owner: "user:ada", name: "worker" };
      const put = await deadLetters.put(deadLetter("a", { subscriber }), bounds);
      expect(put).toEqual({
        ...deadLetter("a", { subscriber }),
        id: expect.stringMatching(/^[A-Za-z0-9_-]+$/),
      });
      expect(await deadLetters.get(put.id)).toEqual(put);
      expect(await deadLetters.get("nothing")).toBeUndefined();
    });

    test("[G11] a source has one dead letter, which keeps its id and its place in the list when it is replaced", async () => {
      await using harness = await make();
      const { deadLetters } = harness.engine;
      const first = await deadLetters.put(deadLetter("a"), bounds);
      await deadLetters.put(deadLetter("b"), bounds);
      const again = await deadLetters.put(
        deadLetter("a", { attempts: 6, reason: "expired" }),
        bounds,
      );
      expect(again.id).toBe(first.id);
      expect(await deadLetters.list({ limit: 10 })).toMatchObject([
        { source: "a", attempts: 6, reason: "expired" },
        { source: "b" },
      ]);
    });

    test("[G11] a dead letter without data can be replaced, dropped for the bounds, and removed", async () => {
      await using harness = await make();
      const { deadLetters } = harness.engine;
      const gap = { entry: { since: "e.1.t", position: "e.4.t" }, reason: "trimmed" };
      await deadLetters.put(deadLetter("a", gap), bounds);
      await deadLetters.put(deadLetter("a", gap), bounds);
      const last = await deadLetters.put(deadLetter("b", gap), { ...bounds, maxDeadLetters: 1 });
      expect(await sources(deadLetters)).toEqual(["b"]);
      expect(await deadLetters.remove(last.id)).toBe(true);
      expect(await deadLetters.count()).toEqual({ kept: 0, dropped: 1 });
    });

    test("dead letters are listed by channel, by subscriber, and by reason or its first word", async () => {
      await using harness = await make();
      const { deadLetters } = harness.engine;
      await deadLetters.put(
        deadLetter("a", { subscriber: { owner: "user:ada", name: "w" } }),
        bounds,
      );
      await deadLetters.put(deadLetter("b", { channel: "job:b", reason: "refused: busy" }), bounds);
      await deadLetters.put(deadLetter("c", { reason: "refusedness" }), bounds);
      expect(await sources(deadLetters)).toEqual(["a", "b", "c"]);
      expect(await sources(deadLetters, { channel: "job:a" })).toEqual(["a", "c"]);
      expect(await sources(deadLetters, { subscriber: "w" })).toEqual(["a"]);
      expect(await sources(deadLetters, { reason: "refused" })).toEqual(["b"]);
      expect(await sources(deadLetters, { reason: "refused: busy" })).toEqual(["b"]);
      expect(await sources(deadLetters, { reason: "refused", channel: "job:a" })).toEqual([]);
    });

    test("dead letters are listed page by page, even when the last one of a page was removed", async () => {
      await using harness = await make();
      const { deadLetters } = harness.engine;
      for (let n = 0; n < 25; n++) await deadLetters.put(deadLetter(`s${n}`), bounds);
      const seen: string[] = [];
      for (let after: string | undefined; ; ) {
        const found = await deadLetters.list({ limit: 10, ...(after && { after }) });
        seen.push(...found.map(({ source }) => source));
        after = found.at(-1)?.id;
        if (after === undefined) break;
        await deadLetters.remove(after);
      }
      expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `s${n}`));
    });

    test("a removed dead letter is no longer found, and a new one of the same source can be put", async () => {
      await using harness = await make();
      const { deadLetters } = harness.engine;
      const { id } = await deadLetters.put(deadLetter("a"), bounds);
      expect(await deadLetters.remove(id)).toBe(true);
      expect(await deadLetters.remove(id)).toBe(false);
      expect(await deadLetters.get(id)).toBeUndefined();
      expect(await sources(deadLetters)).toEqual([]);
      expect((await deadLetters.put(deadLetter("a"), bounds)).id).not.toBe(id);
      expect(await deadLetters.count()).toEqual({ kept: 1, dropped: 0 });
    });

    test("a dead letter that has expired is neither found nor removed", async () => {
      await using harness = await make();
      const { deadLetters } = harness.engine;
      const { id } = await deadLetters.put(deadLetter("a"), bounds);
      await harness.advance(60_000);
      expect(await deadLetters.get(id)).toBeUndefined();
      expect(await deadLetters.remove(id)).toBe(false);
    });

    test("[P-DLQ-6] the oldest dead letters are dropped and counted when there are too many, too large or too old", async () => {
      await using harness = await make();
      const { deadLetters } = harness.engine;
      const few = { ...bounds, maxDeadLetters: 3 };
      for (const source of ["a", "b", "c", "d"]) await deadLetters.put(deadLetter(source), few);
      expect(await sources(deadLetters)).toEqual(["b", "c", "d"]);
      const large = deadLetter("e", { entry: { json: `"${"x".repeat(9_990)}"` } });
      await deadLetters.put(large, bounds);
      expect(await deadLetters.count()).toMatchObject({ dropped: 1 });
      await deadLetters.put(deadLetter("f", { entry: { json: '"1234567890"' } }), bounds);
      expect(await sources(deadLetters)).toEqual(["f"]);
      await harness.advance(60_000);
      expect(await sources(deadLetters)).toEqual([]);
      await deadLetters.put(deadLetter("g"), bounds);
      expect(await deadLetters.count()).toEqual({ kept: 1, dropped: 6 });
    });
  });
}
