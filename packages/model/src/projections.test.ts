import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maxKeyedSize, maxKeys } from "./keyed-projection.ts";
import type { Projection, ProjectionEntry } from "./projection.ts";
import { projectionName, projectionNamed } from "./projections.ts";
import { anyEvent, anyGarbage, happened, logOf } from "./testing/any-operation-entry.ts";

function projection(name: string): Projection<unknown> {
  const found = projectionNamed(name);
  if (found === undefined) throw new Error(`no projection is named ${name}`);
  return found;
}

function foldData(name: string, data: readonly unknown[]): unknown {
  const { initial, reduce } = projection(name);
  return data
    .map((each, i): ProjectionEntry => ({ event: "e", data: each, ts: i, offset: i + 1 }))
    .reduce((state, entry) => reduce(state, entry), initial);
}

const names = ["latest", "text", "operation", "keyed:id"];

const anyData = fc.oneof(
  fc.record(
    {
      id: fc.oneof(fc.constantFrom("a", "b", "__proto__", "", "7"), fc.anything()),
      append: fc.string({ maxLength: 4 }),
      content: fc.string({ maxLength: 4 }),
      text: fc.string({ maxLength: 4 }),
      isComplete: fc.boolean(),
      done: fc.boolean(),
      messageId: fc.constantFrom("m1", "m2"),
    },
    { requiredKeys: [] },
  ),
  fc.jsonValue(),
);

describe("projections", () => {
  it.each(names)(
    "the projection %s gives the same state when it continues from a JSON snapshot",
    (name) => {
      const { reduce } = projection(name);
      const events = fc.array(
        fc.oneof(
          anyEvent,
          anyData.map((data) => ({
            event: "said",
            data: JSON.parse(JSON.stringify(data ?? null)),
          })),
        ),
        { maxLength: 20 },
      );
      fc.assert(
        fc.property(events, fc.nat(20), (some, at) => {
          const log = logOf([happened("created", { operation_id: "9", kind: "k" }), ...some]);
          let straight: unknown;
          let travelled: unknown;
          for (const [i, entry] of log.entries()) {
            straight = reduce(straight, entry);
            travelled = reduce(travelled, entry);
            if (i === at && travelled !== undefined)
              travelled = JSON.parse(JSON.stringify(travelled));
          }
          expect(JSON.stringify(travelled)).toBe(JSON.stringify(straight));
        }),
      );
    },
  );

  it.each(names)(
    "the projection %s never throws and changes no prototype, whatever the entries",
    (name) => {
      const { reduce } = projection(name);
      fc.assert(
        fc.property(
          fc.array(
            fc.oneof(
              anyGarbage,
              anyData.map((data) => ({ event: "e", data })),
            ),
          ),
          (some) => {
            let state: unknown;
            for (const entry of logOf(some)) state = reduce(state, entry);
            expect(Object.keys({})).toEqual([]);
            expect(({} as Record<string, unknown>).text).toBeUndefined();
          },
        ),
      );
    },
  );

  it("projectionNamed finds each projection by the name that its snapshots carry", () => {
    for (const name of names) expect(projection(name).name).toBe(name);
    for (const name of ["", "keyed", "keyed:", "Latest", "toString", "__proto__"]) {
      expect(projectionNamed(name)).toBeUndefined();
    }
  });

  it("[P-STORE-2] a keyed state keeps the latest keys within its size, and a single larger entry alone", () => {
    const padding = "x".repeat(maxKeyedSize / 4);
    const data = Array.from({ length: 20 }, (_, n) => ({ id: `k${n}`, padding }));
    expect(Object.keys(foldData("keyed:id", data) as object)).toEqual(["k17", "k18", "k19"]);
    const large = { id: "large", padding: padding.repeat(5) };
    expect(Object.keys(foldData("keyed:id", [...data, large]) as object)).toEqual(["large"]);
  });

  it("projectionName builds the name from the projection of a rule", () => {
    expect(projectionName({ name: "latest" })).toBe("latest");
    expect(projectionName({ name: "keyed", by: "operation_id" })).toBe("keyed:operation_id");
  });
});

describe("latestProjection", () => {
  it("the latest projection keeps the last publication", () => {
    expect(foldData("latest", [{ a: 1 }, null])).toEqual({ event: "e", data: null, ts: 1 });
    expect(foldData("latest", [])).toBeUndefined();
  });
});

describe("textProjection", () => {
  it("the text projection accumulates the pieces of a message until it is complete", () => {
    const chunks = [
      { content: "Hel", isComplete: false, messageId: "m1" },
      { content: "lo", isComplete: true, messageId: "m1" },
    ];
    expect(foldData("text", chunks)).toEqual({ message_id: "m1", text: "Hello", done: true });
  });

  it("the text projection starts a new text when the message id changes, and when the text before is complete", () => {
    expect(
      foldData("text", [
        { append: "a", messageId: "m1" },
        { append: "b", messageId: "m2" },
      ]),
    ).toEqual({
      message_id: "m2",
      text: "b",
      done: false,
    });
    expect(foldData("text", [{ append: "a", done: true }, { append: "b" }])).toEqual({
      text: "b",
      done: false,
    });
  });

  it("the text projection replaces its text with a whole text, and marks it complete on a publication with only done", () => {
    expect(
      foldData("text", [{ append: "a" }, { text: "whole" }, { append: "!" }, { done: true }]),
    ).toEqual({
      text: "whole!",
      done: true,
    });
  });

  it("the text projection keeps the end of a text that is longer than the bound, and marks it as truncated", () => {
    const pieces = Array.from({ length: 300 }, () => ({ append: "x".repeat(1_024) }));
    const state = foldData("text", [...pieces, { append: "end" }]) as { text: string };
    expect(state).toMatchObject({ truncated: true, done: false });
    expect(state.text.length).toBeLessThanOrEqual(256 * 1_024);
    expect(state.text.endsWith("xend")).toBe(true);
  });

  it("the text projection ignores data without text", () => {
    const text = projection("text");
    const state = text.reduce(undefined, { event: "e", data: { append: "a" }, ts: 1, offset: 1 });
    for (const data of [null, 7, [], {}, { append: 7 }, { typing: true }]) {
      expect(text.reduce(state, { event: "e", data, ts: 2, offset: 2 })).toBe(state);
    }
  });
});

describe("keyedProjection", () => {
  it("the keyed projection keeps the latest data of each key", () => {
    const state = foldData("keyed:id", [
      { id: "a", v: 1 },
      { id: "b", v: 1 },
      { id: "a", v: 2 },
      { id: 7, v: 1 },
    ]);
    expect(state).toEqual({ a: { id: "a", v: 2 }, b: { id: "b", v: 1 }, "7": { id: 7, v: 1 } });
  });

  it("the keyed projection keeps the 100 keys that were updated last", () => {
    const data = Array.from({ length: maxKeys }, (_, i) => ({ id: `k${i}` }));
    const state = foldData("keyed:id", [...data, { id: "k0" }, { id: "new" }]) as object;
    expect(Object.keys(state)).toHaveLength(maxKeys);
    expect(state).toHaveProperty("k0");
    expect(state).toHaveProperty("new");
    expect(state).not.toHaveProperty("k1");
  });

  it("the keyed projection never drops the key just updated, also among integer keys", () => {
    const data = Array.from({ length: maxKeys + 1 }, (_, i) => ({ id: 1_000 - i }));
    const state = foldData("keyed:id", data) as object;
    expect(Object.keys(state)).toHaveLength(maxKeys);
    expect(state).toHaveProperty("900");
  });

  it("the keyed projection handles a key named __proto__ like any other", () => {
    const state = foldData("keyed:id", [{ id: "__proto__", x: 1 }, { id: "a" }]) as object;
    expect(Object.keys(state)).toEqual(["__proto__", "a"]);
    expect(Object.getPrototypeOf(state)).toBe(Object.prototype);
    expect("x" in state).toBe(false);
  });

  it("the keyed projection ignores data without a usable key", () => {
    const keyed = projection("keyed:id");
    const state = keyed.reduce(undefined, { event: "e", data: { id: "a" }, ts: 1, offset: 1 });
    for (const id of ["", null, {}, [], true, 1.5, "x".repeat(256), undefined]) {
      expect(keyed.reduce(state, { event: "e", data: { id }, ts: 2, offset: 2 })).toBe(state);
    }
    expect(keyed.reduce(state, { event: "e", data: "a", ts: 2, offset: 2 })).toBe(state);
  });
});
