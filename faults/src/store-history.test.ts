import { check, type Fact, type JournalRecord } from "@milepost/checker";
import { describe, expect, it } from "vitest";
import { type Log, type Loss, tailLostFault, withStoreHistory } from "./store-history.ts";

const channel = "log:a";

function begin(): Fact[] {
  const limits = { max_replay_entries: 100, max_outbox_bytes: 1_000, dedupe_ms: 600_000 };
  return [
    { type: "begin", version: 1, seed: 1, limits },
    {
      type: "channel",
      channel,
      max_entries: 100,
      max_age_ms: 60_000,
      projection: null,
      written_by: "publishers",
    },
    { type: "subscribe", subscriber: "ana", channel, since: "start" },
    { type: "subscribed", subscriber: "ana", position: "E.0.0" },
  ];
}

function asked(n: number): Fact {
  const [key, hash] = [`k${n}`, `h${n}`];
  const who = { publisher: "p", n, line: "p", attempt: 1 };
  return { type: "publish", ...who, channel, key, event: "tick", hash };
}

function stored(n: number, position: string): Fact {
  const outcome = "stored";
  return { type: "published", publisher: "p", n, attempt: 1, outcome, position, duplicate: false };
}

function given(n: number, position: string): Fact {
  return { type: "delivery", subscriber: "ana", position, event: "tick", hash: `h${n}` };
}

function log(head: string, entries: readonly [n: number, position: string][]): Log {
  return {
    channel,
    head,
    entries: entries.map(([n, position]) => ({ position, event: "tick", hash: `h${n}` })),
  };
}

/** Returns the checker's violations for an observed journal, completed with the store's history. */
function violations(facts: readonly Fact[], end: Log, loss?: Loss) {
  const seen: Fact[] = [...begin(), ...facts, { type: "healed", within_ms: 0 }];
  const records = [...seen, { type: "dump" as const, ...end }, { type: "end" as const }].map(
    (fact, t): JournalRecord => ({ ...fact, t }),
  );
  return check(withStoreHistory(records, [end], loss)).map(({ id, says }) => `${id} ${says}`);
}

describe("the store's history, reconstructed from what was observed", () => {
  it("a run without loss has no violation, even when a delivery precedes the publisher's answer", () => {
    const facts = [asked(1), given(1, "E.1.a"), stored(1, "E.1.a")];
    expect(violations(facts, log("E.1.a", [[1, "E.1.a"]]))).toEqual([]);
  });

  it("an entry that its reader never received is found", () => {
    const facts = [asked(1), stored(1, "E.1.a"), asked(2), stored(2, "E.2.b"), given(2, "E.2.b")];
    const end = log("E.2.b", [
      [1, "E.1.a"],
      [2, "E.2.b"],
    ]);
    expect(violations(facts, end)).toEqual([expect.stringContaining("1.a was not delivered")]);
  });

  it("an acknowledged entry that is missing from the log is found when the fault may lose nothing", () => {
    const facts = [asked(1), stored(1, "E.1.a"), given(1, "E.1.a")];
    const found = violations(facts, log("E.0.0", []));
    expect(found).toContainEqual(expect.stringContaining("G2"));
  });

  it("a lost tail is accepted when the fault may lose it, but its readers must receive a gap", () => {
    const mark: Fact = { type: "fault", fault: tailLostFault, phase: "once" };
    const facts = [asked(1), given(1, "E.1.a"), stored(1, "E.1.a"), mark];
    const end = log("E.0.0", []);
    const told: Fact = {
      type: "gap",
      subscriber: "ana",
      from: "E.1.a",
      to: "E.0.0",
      reason: "tag_mismatch",
    };
    expect(violations([...facts, told], end, "tail")).toEqual([]);
    expect(violations(facts, end, "tail")).toEqual([expect.stringContaining("past the end")]);
  });

  it("the checker accepts a gap with epoch_changed after a new log only if the injected fault may lose everything", () => {
    const facts = [asked(1), given(1, "E.1.a"), stored(1, "E.1.a")];
    const reason = "epoch_changed";
    const told: Fact = { type: "gap", subscriber: "ana", from: "E.1.a", to: "F.0.0", reason };
    const end = log("F.0.0", []);
    expect(violations([...facts, told], end, "everything")).toEqual([]);
    expect(violations([...facts, told], end)).toContainEqual(
      expect.stringContaining("nothing ended the log"),
    );
  });

  it("an unobserved entry is ascribed to a publish of unknown outcome; without such a publish it is a violation", () => {
    const facts: Fact[] = [
      asked(1),
      {
        type: "published",
        publisher: "p",
        n: 1,
        attempt: 1,
        outcome: "unknown",
        code: "TimeoutError",
      },
      asked(2),
      stored(2, "E.2.b"),
    ];
    const reset: Fact = {
      type: "gap",
      subscriber: "ana",
      from: "E.0.0",
      to: "F.0.0",
      reason: "epoch_changed",
    };
    const end = log("F.0.0", []);
    expect(violations([...facts, reset], end, "everything")).toEqual([]);
    const known = facts.filter(({ type }) => type !== "published" && type !== "publish");
    const without: Fact[] = [...known, asked(2), stored(2, "E.2.b"), reset];
    expect(violations(without, end, "everything")).toContainEqual(
      expect.stringContaining("was never published"),
    );
  });
});
