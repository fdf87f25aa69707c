import { memoryEngine } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { endEvent, type Position, type Publication } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { type ResolvedChannel, RuleBook } from "../rules/rule-book.ts";
import { breakOf, findStart, recover } from "./recovery.ts";

const granted = { subscribe: "authenticated", publish: "granted" } as const;
const rules = new RuleBook([
  { pattern: "log:*", ...granted, retention: { maxEntries: 100, maxAgeMs: 3_600_000 } },
  { pattern: "few:*", ...granted, retention: { maxEntries: 5, maxAgeMs: 3_600_000 } },
]);

/** Returns a log with `count` entries of the channel, whose data are the numbers from 1. */
async function logOf(channel: string, count: number) {
  const { log } = memoryEngine()({ clock: new ManualClock(), random: new SeededRandom() });
  const resolved = rules.of(channel);
  const positions: Position[] = [];
  for (let n = 1; n <= count; n++) {
    const entry = { event: "n", json: String(n), publisher: "backend" };
    const { publication } = await log.append(channel, entry, resolved.policy);
    positions.push(publication.position);
  }
  const end = async () => {
    const entry = { event: endEvent, json: '{"reason":"complete"}', publisher: "backend" };
    await log.append(channel, entry, resolved.policy);
  };
  return { log, resolved, positions, end };
}

function numbers(entries: readonly Publication[]): number[] {
  return entries.map(({ json }) => Number(json));
}

const bounds = { page: 500, behind: 4 };

describe("the start of a subscription", () => {
  test("[P-SUB-4] a resume from exactly the limit behind the head is recovered, and from one entry more it is not", async () => {
    const { log, resolved, positions } = await logOf("log:a", 10);
    const start = (offset: number) => findStart(log, resolved, positions[offset - 1], bounds);
    const within = await start(6);
    expect(within).toMatchObject({ recovered: true, position: positions[5] });
    expect(numbers(within.entries)).toEqual([7, 8, 9, 10]);
    const beyond = await start(5);
    expect(beyond).toMatchObject({ recovered: false, reason: "limit", gapFrom: positions[4] });
    expect(beyond.position).toEqual(positions[5]);
    expect(numbers(beyond.entries)).toEqual([7, 8, 9, 10]);
  });

  test('[P-SUB-4] a start at "start" reads everything up to the limit, and has a gap from the first entry beyond it', async () => {
    const start = async (count: number) => {
      const { log, resolved } = await logOf("log:a", count);
      return findStart(log, resolved, "start", bounds);
    };
    const within = await start(4);
    expect(numbers(within.entries)).toEqual([1, 2, 3, 4]);
    expect(within.reason).toBeUndefined();
    expect(within.gapFrom).toBeUndefined();
    const beyond = await start(5);
    expect(numbers(beyond.entries)).toEqual([2, 3, 4, 5]);
    expect(beyond).toMatchObject({ reason: "limit", gapFrom: { offset: 0 } });
  });

  test('[P-SUB-4] a start at "start" of a trimmed log has the reason trimmed and names the missing entries', async () => {
    const { log, resolved, positions } = await logOf("few:a", 8);
    const start = await findStart(log, resolved, "start", { page: 500, behind: 100 });
    expect(start).toMatchObject({
      position: positions[2],
      recovered: false,
      reason: "trimmed",
      gapFrom: { offset: 0 },
    });
    expect(numbers(start.entries)).toEqual([4, 5, 6, 7, 8]);
  });

  test("a start with the last entries reads no more than the limit of a replay, and the end is none of them", async () => {
    const { log, resolved, end } = await logOf("log:a", 10);
    const last = async (count: number) =>
      numbers((await findStart(log, resolved, { last: count }, bounds)).entries);
    expect(await last(3)).toEqual([8, 9, 10]);
    expect(await last(9)).toEqual([7, 8, 9, 10]);
    await end();
    const { entries } = await findStart(log, resolved, { last: 2 }, bounds);
    expect(entries.map(({ event, json }) => (event === endEvent ? event : json))).toEqual([
      "9",
      "10",
      endEvent,
    ]);
  });

  test("a start with more of the last entries than a trimmed log has begins at its oldest entry", async () => {
    const { log, resolved } = await logOf("few:a", 8);
    const start = await findStart(log, resolved, { last: 6 }, { page: 500, behind: 100 });
    expect(numbers(start.entries)).toEqual([4, 5, 6, 7, 8]);
  });
});

describe("the recovery of a position", () => {
  test("[P-SUB-4] a gap after trimmed entries reaches no further back than the limit of a replay", async () => {
    const { log, resolved, positions } = await logOf("few:a", 20);
    const trimmed = positions[1] as Position;
    const recovered = (behind: number) => recover(log, resolved, trimmed, { page: 500, behind });
    const narrow = await recovered(2);
    expect(narrow).toMatchObject({ kind: "gap", reason: "trimmed", to: positions[17] });
    expect(narrow.kind === "gap" && numbers(narrow.entries)).toEqual([19, 20]);
    expect(await recovered(100)).toMatchObject({ kind: "gap", to: positions[14] });
  });

  test.each<readonly [string, (at: readonly Position[]) => Position, string | undefined]>([
    ["the head", (at) => at[9] as Position, undefined],
    ["the oldest position kept", (at) => at[4] as Position, undefined],
    ["the entry before it", (at) => at[3] as Position, "trimmed"],
    ["one past the head", (at) => ({ ...(at[9] as Position), offset: 11 }), "tag_mismatch"],
    ["the head with another tag", (at) => ({ ...(at[9] as Position), tag: "x" }), "tag_mismatch"],
    ["the floor with another tag", (at) => ({ ...(at[4] as Position), tag: "x" }), "tag_mismatch"],
    ["an entry with another tag", (at) => ({ ...(at[6] as Position), tag: "x" }), "tag_mismatch"],
    ["another epoch", (at) => ({ ...(at[9] as Position), epoch: "x" }), "epoch_changed"],
  ])("[G4] [P-SUB-3] breakOf judges a position at %s", async (_, of, reason) => {
    const { log, resolved, positions } = await logOf("few:a", 10);
    const position = of(positions);
    const { policy } = resolved satisfies ResolvedChannel;
    const slice = await log.read("few:a", Math.max(0, position.offset - 1), 10, policy);
    expect(breakOf(position, slice, Number.POSITIVE_INFINITY)).toBe(reason);
  });
});
