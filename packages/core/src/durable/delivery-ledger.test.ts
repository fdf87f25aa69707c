import type { DurableState, PendingEntry, PendingReplay } from "@milepost/engine";
import type { Position } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { DeliveryLedger } from "./delivery-ledger.ts";
import { ackWaitOf, durableTerms, retryDelayOf } from "./durable-terms.ts";

const terms = { ackWaitMs: 10_000, maxAttempts: 3, maxAgeMs: 3_600_000 };

function at(offset: number, tag = `t${offset}`): Position {
  return { epoch: "e", offset, tag };
}

function ledger(rest: Partial<DurableState> = {}): DeliveryLedger {
  const place = { revision: 0, acked: at(0), sent: at(0), repeatsTo: 0, tags: [] };
  const state = { ...place, pending: [], replays: [], ...rest };
  return new DeliveryLedger(state, terms, () => 0, 0, 0);
}

/** Ledger that has delivered this many entries at time 0. */
function delivering(count: number): DeliveryLedger {
  const made = ledger();
  for (let offset = 1; offset <= count; offset++) made.deliver(at(offset), 0);
  return made;
}

function pending(offset: number, rest: Partial<PendingEntry> = {}): PendingEntry {
  const delivery = { attempts: 1, dueAt: 0, isOut: true };
  return { position: at(offset), previousTag: `t${offset - 1}`, ...delivery, ...rest };
}

function replay(letter: string, position: Position): PendingReplay {
  return { letter, position, attempts: 0, dueAt: 0, isOut: false };
}

describe("the delivery ledger", () => {
  test("a delivery that another clock delayed is due after the longest wait at the latest", () => {
    const refused = pending(1, { dueAt: 1e12, isOut: false, refusal: "no" });
    expect(ledger({ sent: at(1), pending: [refused] }).nextDueAt()).toBe(360_000);
  });

  test("an entry that was refused is neither refused again nor counted as delivered", () => {
    const one = delivering(1);
    expect(one.attemptsOf(at(1))).toBe(1);
    expect(one.nack(at(1), "no", 0)).toBe("taken");
    expect(one.attemptsOf(at(1))).toBeUndefined();
    expect(one.nextDueAt()).toBe(1_000);
    expect(one.nack(at(1), "again", 900)).toBe("known");
    expect(one.nextDueAt()).toBe(1_000);
  });

  test("a replay that was refused is not refused again", () => {
    const one = ledger({ sent: at(1) });
    one.adopt([replay("1-a", at(1))], 0);
    one.repeatReplay("1-a", 0);
    one.nack(at(1), "no", 0);
    expect(one.nextDueAt()).toBe(1_000);
    one.nack(at(1), "again", 900);
    expect(one.nextDueAt()).toBe(1_000);
  });

  test("an entry that is refused at its last attempt is due at once, to become a dead letter", () => {
    const one = ledger({ sent: at(1), pending: [pending(1, { attempts: 3, dueAt: 9_000 })] });
    expect(one.due(0).spent).toEqual([]);
    one.nack(at(1), "no", 0);
    expect(one.due(0).spent).toMatchObject([{ position: at(1), refusal: "no" }]);
  });

  test("an entry that is not due yet, or was settled, is not repeated", () => {
    const one = delivering(2);
    expect(one.repeat(at(1), 9_999)).toBe(false);
    expect(one.repeat(at(1), 10_000)).toBe(true);
    one.ack(at(2));
    expect(one.repeat(at(2), 10_000)).toBe(false);
  });

  test("an ack right after the last delivered entry is unknown", () => {
    const one = delivering(2);
    expect(one.ack(at(3))).toBe("unknown");
    expect(one.nack(at(3), "no", 0)).toBe("unknown");
    expect(one.acked).toEqual(at(0));
  });

  test("a replay that was not delivered yet cannot be acknowledged", () => {
    const one = ledger({ sent: at(1) });
    one.adopt([replay("1-a", at(1))], 0);
    expect(one.ack(at(1))).toBe("known");
    expect(one.isReplaying("1-a")).toBe(true);
    one.repeatReplay("1-a", 0);
    expect(one.ack(at(1))).toBe("taken");
    expect(one.isReplaying("1-a")).toBe(false);
  });

  test("of two replays at one offset, the ack ends the one with its tag and epoch", () => {
    const one = ledger({ sent: at(1) });
    const other = { epoch: "earlier", offset: 1, tag: "t1" };
    const places = { "1-a": at(1, "x"), "2-b": other, "3-c": at(1) };
    one.adopt(
      Object.entries(places).map(([letter, position]) => replay(letter, position)),
      0,
    );
    for (const letter of Object.keys(places)) one.repeatReplay(letter, 0);
    one.ack(at(1));
    one.ack(other);
    const left = Object.keys(places).filter((letter) => one.isReplaying(letter));
    expect(left).toEqual(["1-a"]);
  });

  test("a replay that has ended does not begin again before its end is saved", () => {
    const one = ledger({ sent: at(1) });
    one.adopt([replay("1-a", at(1)), replay("2-b", at(2))], 0);
    one.repeatReplay("1-a", 0);
    one.ack(at(1));
    one.endReplay("2-b");
    one.adopt([replay("1-a", at(1)), replay("2-b", at(2))], 0);
    expect(one.isSettled).toBe(true);
    expect(one.takeChange(0)).toMatchObject({ replayed: ["1-a", "2-b"] });
    one.adopt([replay("1-a", at(1))], 0);
    expect(one.isReplaying("1-a")).toBe(true);
  });

  test("a change that could not be saved is part of the next change", () => {
    const one = delivering(3);
    one.ack(at(1));
    one.adopt([replay("1-a", at(1)), replay("2-b", at(2))], 0);
    one.repeatReplay("1-a", 0);
    one.endReplay("2-b");
    const change = one.takeChange(0);
    expect(change).toMatchObject({ settled: [1], pending: [pending(2), pending(3)].map(outOf) });
    expect(change).toMatchObject({ acked: at(1), sent: at(3), replayed: ["2-b"] });
    expect(one.takeChange(0)).toBeUndefined();
    if (change !== undefined) one.untakeChange(change);
    expect(one.takeChange(0)).toEqual(change);
  });

  test("a position that could not be saved is saved with the next change", () => {
    const one = ledger();
    one.pass(at(1));
    const change = one.takeChange(0);
    expect(change).toMatchObject({ acked: at(1), sent: at(1) });
    if (change !== undefined) one.untakeChange(change);
    expect(one.takeChange(0)).toEqual(change);
  });
});

/** The entry as a first delivery at time 0 leaves it. */
function outOf(entry: PendingEntry): PendingEntry {
  return { ...entry, dueAt: 10_000 };
}

describe("the terms of repeated delivery", () => {
  const granted = { subscribe: "granted", publish: "granted" } as const;

  test("without other terms an entry is delivered five times, within a day, and waits 30 s for its first ack", () => {
    const retention = { maxEntries: 10, maxAgeMs: 60_000 };
    expect(durableTerms({ pattern: "job:*", ...granted, retention })).toEqual({
      ackWaitMs: 30_000,
      maxAttempts: 5,
      maxAgeMs: 86_400_000,
    });
  });

  test("the wait for an ack doubles up to five minutes, or what the rule says if that is longer, and a fifth at random", () => {
    const waits = [1, 2, 5, 6, 50].map((attempt) => ackWaitOf(attempt, 10_000, 0));
    expect(waits).toEqual([10_000, 20_000, 160_000, 300_000, 300_000]);
    expect([1, 2].map((attempt) => ackWaitOf(attempt, 400_000, 0))).toEqual([400_000, 400_000]);
    expect(ackWaitOf(1, 10_000, 1)).toBe(12_000);
  });

  test("the delay after a nack doubles from a second up to a minute, and a fifth at random", () => {
    const delays = [1, 2, 6, 7, 50].map((attempt) => retryDelayOf(attempt, 0));
    expect(delays).toEqual([1_000, 2_000, 32_000, 60_000, 60_000]);
    expect(retryDelayOf(1, 1)).toBe(1_200);
  });
});
