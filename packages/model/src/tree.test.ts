import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addAmounts, compareAmounts, maxAmount, readAmount, subtractAmounts } from "./amount.ts";
import { isOverBudget } from "./counters.ts";
import { mergeReports } from "./merge-reports.ts";
import { parseOperationEvent } from "./parse-operation-event.ts";
import { happened } from "./testing/any-operation-entry.ts";
import { fold, foldOn } from "./testing/fold.ts";

const units = fc.bigInt({ min: 0n, max: 10n ** 22n });
const amount = units.map((billionths) => {
  const read = readAmount(
    `${billionths / 10n ** 9n}.${String(billionths % 10n ** 9n).padStart(9, "0")}`,
  );
  if (!read.ok) throw new Error(read.failure.message);
  return read.value;
});

describe("counters of an operation", () => {
  it("[P-TREE-1] amounts add up exactly in any order, and a sum less one part is the other part", () => {
    fc.assert(
      fc.property(amount, amount, amount, (a, b, c) => {
        expect(addAmounts(addAmounts(a, b), c)).toBe(addAmounts(a, addAmounts(c, b)));
        expect(subtractAmounts(addAmounts(a, b), b)).toBe(a);
        expect(compareAmounts(addAmounts(a, b), a)).toBe(b === "0" ? 0 : 1);
      }),
    );
    expect(addAmounts("0.1", "0.2")).toBe("0.3");
    expect(addAmounts(maxAmount, "1")).toBe(maxAmount);
    expect(subtractAmounts("1", "2")).toBe("0");
  });

  it.each([-1, 0.5, 2 ** 53, "1e3", "-1", "01", "1.", ".5", "1.0000000001", "", null, "９"])(
    "[P-TREE-1] %j is no amount",
    (value) => {
      expect(readAmount(value)).toMatchObject({ ok: false, failure: { code: "bad_message" } });
    },
  );

  it("[P-TREE-1] a thousand counts fold to the same sum as their merged report, and stay over attempts", () => {
    const counts = Array.from({ length: 1_000 }, () =>
      happened("count", { name: "cost", add: "0.001" }),
    );
    const [first = {}, earlier = {}, later = {}] = counts.map(({ data }) => data as object);
    expect(mergeReports("count", first, earlier, later)).toEqual({ name: "cost", add: "0.002" });
    expect(mergeReports("count", first, earlier, { name: "tokens", add: "1" })).toBeUndefined();
    const state = fold(...counts);
    expect(state.counters).toEqual({ cost: "1" });
    const failed = happened("failed", { error: { code: "c", message: "m", retryable: true } });
    const again = foldOn(state, [failed, happened("started", { attempt: 2 })]);
    expect(again.counters).toEqual({ cost: "1" });
  });

  it("[P-TREE-1] a budget is passed when its counter is above the limit, the children's part included", () => {
    const budget = { counter: "cost", limit: "1.5" };
    const created = happened("created", { operation_id: "9", kind: "agents", budget });
    const own = happened("count", { name: "cost", add: "1" });
    const children = (cost: string, revision: number) =>
      happened("children", { total: 1, statuses: {}, counters: { cost }, revision });
    expect(isOverBudget(fold(created, own))).toBe(false);
    expect(isOverBudget(fold(created, own, children("0.5", 1)))).toBe(false);
    const over = fold(created, own, children("0.5", 1), children("0.500000001", 2));
    expect(over.counters).toEqual({ cost: "1.500000001" });
    expect(isOverBudget(over)).toBe(true);
  });
});

describe("links and artefacts of an operation", () => {
  it.each([
    "http://example.com/",
    "javascript:alert(1)",
    "https://user:secret@example.com/",
    "https://example.com\\@evil.example/",
    "https:///x",
    "https://exa mple.com/",
    "https://example.com/\nx",
    "https://exämple.com/",
    " https://example.com/",
    `https://example.com/${"x".repeat(2_000)}`,
  ])("[P-TREE-2] %j is no address of a link or an artefact", (url) => {
    for (const [event, data] of [
      ["link", { id: "a", url }],
      ["artefact", { name: "a", url }],
    ] as const) {
      expect(parseOperationEvent(event, data)).toMatchObject({ ok: false });
    }
  });

  it("[P-TREE-2] an artefact has either an address or small data", () => {
    const reads = (data: object) => parseOperationEvent("artefact", { name: "a", ...data }).ok;
    expect(reads({ url: "https://example.com" })).toBe(true);
    expect(reads({ data: { rows: 3 } })).toBe(true);
    expect(reads({})).toBe(false);
    expect(reads({ url: "https://example.com", data: 1 })).toBe(false);
    expect(reads({ data: "x".repeat(17_000) })).toBe(false);
  });
});
