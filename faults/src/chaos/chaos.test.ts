import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { Random } from "../random.ts";
import { withoutTls } from "./balancer.ts";
import { type ChaosFault, chaosFaults } from "./chaos-fault.ts";
import { htmlOf, markdownOf, timelineOf } from "./chaos-report.ts";
import { type ChaosVerdict, FaultPlan } from "./chaos-run.ts";
import { readChaosOptions } from "./options.ts";
import { isAtLeast, WatchedJournal } from "./watched-journal.ts";

const namesOf = (faults: readonly ChaosFault[]) => faults.map(({ name }) => name);

describe("the plan of a chaos run", () => {
  test("the same seed injects the same faults in the same order, and every fault comes before one comes again", () => {
    const plans = [1, 1, 2].map((seed) => {
      const plan = new FaultPlan(chaosFaults, new Random(seed));
      return Array.from({ length: 60 }, () => namesOf(plan.next()));
    });
    expect(plans[0]).toEqual(plans[1]);
    expect(plans[0]).not.toEqual(plans[2]);
    const first = (plans[0] ?? []).flat().slice(0, chaosFaults.length);
    expect(first.sort()).toEqual(namesOf(chaosFaults).sort());
  });

  test("two faults at once never break the same part, since one would undo the other", () => {
    const plan = new FaultPlan(chaosFaults, new Random(3));
    const pairs = Array.from({ length: 500 }, () => plan.next()).filter(
      ({ length }) => length === 2,
    );
    expect(pairs.length).toBeGreaterThan(50);
    for (const [one, other] of pairs) expect(one?.part).not.toBe(other?.part);
  });
});

test("the options of a chaos run are read, and a wrong one is named", () => {
  const options = readChaosOptions(["--minutes", "30", "--without", "roll"], chaosFaults);
  expect(options).toMatchObject({ minutes: 30, seed: 1, out: "chaos-report" });
  expect(typeof options === "string" ? [] : namesOf(options.faults)).not.toContain("roll");
  expect(readChaosOptions(["--minutes", "x"], chaosFaults)).toContain('not "x"');
  expect(readChaosOptions(["--only", "earthquake"], chaosFaults)).toContain("earthquake");
  expect(readChaosOptions(["--mutant", "none"], chaosFaults)).toContain("none");
  expect(readChaosOptions(["--hours", "1"], chaosFaults)).toContain("--hours");
  expect(readChaosOptions(["--seed"], chaosFaults)).toContain("needs a value");
});

test("the shipped configuration of HAProxy still has what a chaos run takes out of it", () => {
  const shipped = fileURLToPath(new URL("../../../deploy/haproxy/haproxy.cfg", import.meta.url));
  const plain = withoutTls(readFileSync(shipped, "utf8"));
  expect(plain).toContain("option httpchk GET /ws/health");
  expect(plain).not.toMatch(/ssl|log stdout|frontend plain/);
  expect(() => withoutTls("global\n")).toThrow("adapt balancer.ts");
});

test("the journal of a chaos run knows the last acknowledged position of each channel", () => {
  const journal = new WatchedJournal();
  const asked = { publisher: "p", n: 1, line: "l", attempt: 1, key: "k", event: "e", hash: "h" };
  journal.add({ type: "publish", channel: "log:a", ...asked });
  journal.add({ type: "published", publisher: "p", n: 1, attempt: 1, outcome: "unknown" });
  expect(journal.refused).toBe(1);
  const position = "ep.7.tag";
  journal.add({ type: "published", publisher: "p", n: 1, attempt: 2, outcome: "stored", position });
  expect(journal.acknowledged).toEqual(new Map([["log:a", position]]));
  expect(isAtLeast("ep.7.tag", position)).toBe(true);
  expect(isAtLeast("ep.10.x", position)).toBe(true);
  expect(isAtLeast("ep.6.x", position)).toBe(false);
  expect(isAtLeast("other.9.x", position)).toBe(false);
  expect(isAtLeast(undefined, position)).toBe(false);
});

test("the report of a chaos run names its faults, its violations and what it left out, in both forms", () => {
  const verdict: ChaosVerdict = {
    ...{ seed: 5, startedAt: "2026-11-30T12:00:00.000Z", durationMs: 120_000 },
    happened: [
      { fault: "roll", did: "three | replaced", startedAt: 1_000, endedAt: 5_000, recoveredMs: 80 },
      { fault: "cut-off", did: "a <b>", startedAt: 9_000, endedAt: 9_900, recoveredMs: undefined },
    ],
    samples: [
      { at: 1_000, stored: 10, refused: 0, deliveries: 90 },
      { at: 2_000, stored: 20, refused: 3, deliveries: 180 },
    ],
    impossible: [{ fault: "clock-step", reason: "needs libfaketime" }],
    violations: [{ id: "G4", says: "a gap without a reason", t: 1, line: 2 }],
    ...{ stored: 20, refused: 3, deliveries: 180, gaps: 0, resets: 0 },
    ...{ load: [], loadFailures: [], records: [] },
  };
  const markdown = markdownOf(verdict, "timeline.svg");
  expect(markdown).toContain("# Chaos run 5: 1 violations");
  expect(markdown).toContain("three \\| replaced");
  expect(markdown).toContain("needs libfaketime");
  expect(markdown).toContain("G4 at 1 ms, record 2: a gap without a reason");
  const html = htmlOf(verdict);
  expect(html).toContain("a &#60;b&#62;");
  expect(timelineOf(verdict)).not.toMatch(/NaN|Infinity|undefined/);
  expect(markdownOf({ ...verdict, violations: [] }, "t.svg")).toContain("no violations");
});
