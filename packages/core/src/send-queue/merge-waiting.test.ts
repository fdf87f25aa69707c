import { endEvent, type Position, type Publication } from "@milepost/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Rule } from "../rules/rule.ts";
import { composePatches } from "./compose-patches.ts";
import { concatenateTexts } from "./concatenate-texts.ts";
import { mergeWaiting } from "./merge-waiting.ts";

function place(offset: number): Position {
  return { epoch: "e", offset, tag: `t${offset}` };
}

function waiting(...entries: readonly (readonly [event: string, data: unknown])[]): Publication[] {
  return entries.map(([event, data], i) => ({
    channel: "c",
    position: place(i + 1),
    event,
    json: JSON.stringify(data),
    ts: i,
  }));
}

/** Returns what remains after the merge, as [offset, offset of `since`, data]. */
function rest(merge: Rule["merge"], ...entries: readonly (readonly [string, unknown])[]) {
  return mergeWaiting(waiting(...entries), place(0), merge).map(({ position, since, json }) => [
    position.offset,
    since?.offset,
    JSON.parse(json),
  ]);
}

test("[P-OUT-5] lifecycle entries are kept unchanged, whether their event is listed or not", () => {
  expect(rest({ a: "lifecycle", b: "state" }, ["a", 1], ["a", 2], ["c", 3], ["c", 4])).toEqual([
    [1, undefined, 1],
    [2, undefined, 2],
    [3, undefined, 3],
    [4, undefined, 4],
  ]);
  expect(rest(undefined, ["a", 1], ["a", 2])).toHaveLength(2);
});

test("[P-OUT-4] of the state entries with one key only the latest is kept, and the next entry's since covers those left out", () => {
  const merge = { s: { class: "state", by: "k" }, t: "state" } as const;
  const s = (k: number, n: number) => ["s", { k, n }] as const;
  expect(rest(merge, s(1, 1), s(2, 2), s(1, 3), ["x", 4], s(1, 5), ["t", 6], ["t", 7])).toEqual([
    [2, 0, { k: 2, n: 2 }],
    [4, 2, 4],
    [5, undefined, { k: 1, n: 5 }],
    [7, 5, 7],
  ]);
  // An entry that lacks the key field is kept, and replaces no other entry.
  expect(rest(merge, ["s", {}], ["s", {}], ["s", null])).toHaveLength(3);
});

test("[P-OUT-3] entries with data that JavaScript would change are sent as they are", () => {
  const merge = {
    text: "text",
    patch: "patch",
    progress: "report",
    s: { class: "state", by: "k" },
    latest: "state",
  } as const;
  const big = "1234567890123456789";
  const texts = (event: string, ...jsons: string[]): Publication[] =>
    jsons.map((json, i) => ({ channel: "c", position: place(i + 1), event, json, ts: i }));
  for (const [event, ...jsons] of [
    ["text", `{"append":"a","n":${big}0}`, `{"append":"b","n":${big}0}`],
    ["text", '{"append":"a","append":"b"}', '{"append":"c"}'],
    ["patch", '{"a":1}', '{"b":1e400}'],
    ["progress", '{"done":1}', '{"done":2}', `{"done":3,"total":${big}}`],
    // JavaScript would round both keys to the same number.
    ["s", `{"k":${big}0}`, `{"k":${big}1}`],
  ] as const) {
    const entries = texts(event, ...jsons);
    expect(mergeWaiting(entries, place(0), merge)).toEqual(entries);
  }
  // An entry that is not written anew may replace others, whatever its data are.
  expect(mergeWaiting(texts("latest", big, `${big}1`), place(0), merge)).toMatchObject([
    { json: `${big}1` },
  ]);
});

test("[P-OUT-3] ephemeral entries are dropped except one that is the newest of all, so that the reader's position advances", () => {
  const merge = { "*": "ephemeral", keep: "lifecycle" } as const;
  expect(rest(merge, ["e", 1], ["keep", 2], ["e", 3], ["e", 4])).toEqual([
    [2, 0, 2],
    [4, 2, 4],
  ]);
});

test("[P-OUT-3] adjacent pieces of one text are joined, up to the end of the text and never across another entry", () => {
  const piece = (append: string, rest = {}) => ["t", { messageId: 1, append, ...rest }] as const;
  const merge = { t: "text" } as const;
  expect(
    rest(
      merge,
      piece("a"),
      piece("b"),
      piece("c", { done: true }),
      piece("d"),
      ["x", 0],
      piece("e"),
    ),
  ).toEqual([
    [3, 0, { messageId: 1, append: "abc", done: true }],
    [4, undefined, { messageId: 1, append: "d" }],
    [5, undefined, 0],
    [6, undefined, { messageId: 1, append: "e" }],
  ]);
});

test("pieces of different messages, whole texts and pieces that are too long together are not joined", () => {
  expect(concatenateTexts({ append: "a", id: 1 }, { append: "b", id: 2 })).toBeUndefined();
  expect(concatenateTexts({ append: "a" }, { append: "b", id: 2 })).toBeUndefined();
  expect(concatenateTexts({ append: "a" }, { text: "b" })).toBeUndefined();
  expect(concatenateTexts({ append: "a", text: "b" }, { append: "b", text: "b" })).toBeUndefined();
  expect(concatenateTexts({ append: "a" }, { content: "b" })).toBeUndefined();
  expect(concatenateTexts({ append: 1 }, { append: "b" })).toBeUndefined();
  expect(concatenateTexts("a", "b")).toBeUndefined();
  const long = { append: "x".repeat(40_000) };
  expect(concatenateTexts(long, long)).toBeUndefined();
  expect(concatenateTexts({ content: "a" }, { done: true })).toEqual({ content: "a", done: true });
});

test("[P-OUT-3] a composed patch has the effect of both patches; composePatches returns undefined if no patch can", () => {
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(null, 1, "x"),
      fc.dictionary(fc.constantFrom("a", "b", "__proto__"), tie("value"), { maxKeys: 3 }),
    ),
  })).value;
  let composed = 0;
  fc.assert(
    fc.property(json, json, json, (target, a, b) => {
      const both = composePatches(a, b);
      if (both === undefined) return;
      composed++;
      expect(applied(target, both)).toEqual(applied(applied(target, a), b));
    }),
    { numRuns: 2_000 },
  );
  expect(composed).toBeGreaterThan(500);
  expect(composePatches({ a: 1 }, { a: { b: 2 } })).toBeUndefined();
  expect(rest({ p: "patch" }, ["p", { a: 1 }], ["p", { b: null }], ["p", { a: { c: 1 } }])).toEqual(
    [
      [2, 0, { a: 1, b: null }],
      [3, undefined, { a: { c: 1 } }],
    ],
  );
});

/** Applies a merge patch as RFC 7396, section 2, defines it. */
function applied(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null) return patch;
  const result = new Map(
    Object.entries(typeof target === "object" && target !== null ? target : {}),
  );
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, applied(result.get(name), value));
  }
  return Object.fromEntries(result);
}

test("[P-OUT-4] an entry merged from already merged entries has a since that covers all of them", () => {
  const merge = { t: "text", s: "state" } as const;
  const [a, b, c, d] = waiting(["t", { append: "a" }], ["t", { append: "b" }], ["s", 1], ["s", 2]);
  if (!a || !b || !c || !d) throw new Error("four entries");
  const once = mergeWaiting([a, b, c], place(0), merge);
  const twice = mergeWaiting([...once, d], place(0), merge);
  expect(twice.map(({ position, since, json }) => [position.offset, since?.offset, json])).toEqual([
    [2, 0, '{"append":"ab"}'],
    [4, 2, "2"],
  ]);
});

test("[P-WILD-5] entries of different sources are never merged, and never replace each other", () => {
  const from = (source: string, ...rest: readonly [event: string, data: unknown]) => {
    const [publication] = waiting(rest);
    return { ...publication, source } as Publication;
  };
  const placed = (entries: readonly Publication[], merge: Rule["merge"]) =>
    mergeWaiting(
      entries.map((entry, i) => ({ ...entry, position: place(i + 1) })),
      place(0),
      merge,
    ).map(({ source, position, json }) => [source, position.offset, JSON.parse(json)]);

  const by = { s: { class: "state", by: "k" } } as const;
  const s = (source: string, n: number) => from(source, "s", { k: 1, n });
  expect(placed([s("a", 1), s("b", 2), s("a", 3)], by)).toEqual([
    ["b", 2, { k: 1, n: 2 }],
    ["a", 3, { k: 1, n: 3 }],
  ]);
  const t = (source: string, n: number) => from(source, "t", n);
  expect(placed([t("a", 1), t("b", 2), t("a", 3)], { t: "state" })).toEqual([
    ["b", 2, 2],
    ["a", 3, 3],
  ]);
  expect(placed([t("a", 1), t("b", 2), t("a", 3)], { t: "ephemeral" })).toEqual([
    ["b", 2, 2],
    ["a", 3, 3],
  ]);
  const text = (source: string, append: string) => from(source, "x", { append });
  expect(placed([text("a", "1"), text("a", "2"), text("b", "3")], { x: "text" })).toEqual([
    ["a", 2, { append: "12" }],
    ["b", 3, { append: "3" }],
  ]);
  const patch = (source: string, n: number) => from(source, "p", { n });
  expect(placed([patch("a", 1), patch("b", 2)], { p: "patch" })).toHaveLength(2);
  const report = (source: string, percent: number) => from(source, "progress", { percent });
  const reports = (...sources: string[]) => sources.map((source, i) => report(source, i + 1));
  expect(placed(reports("a", "a", "a"), { progress: "report" })).toHaveLength(2);
  expect(placed(reports("b", "a", "a"), { progress: "report" })).toHaveLength(3);
});

test("[P-END-2] [P-OUT-5] the end of a channel is never merged, whatever its rule says", () => {
  const entries = waiting(["n", 1], ["n", 2], [endEvent, { reason: "complete" }]);
  for (const merge of [{ "*": "ephemeral" }, { "*": "state" }] as const) {
    const last = mergeWaiting(entries, place(0), merge).at(-1);
    expect(last).toMatchObject({ event: endEvent, json: '{"reason":"complete"}' });
  }
  const twice = [...entries, { ...entries[2], position: place(4) } as Publication];
  const kept = mergeWaiting(twice, place(0), { "*": "state" });
  expect(kept.filter(({ event }) => event === endEvent)).toHaveLength(2);
});

test("entries of different priorities are not merged into one", () => {
  const pieces = waiting(["t", { append: "a" }], ["t", { append: "b" }], ["t", { append: "c" }]);
  const [a, b, c] = pieces.map((piece, i) => (i < 2 ? piece : { ...piece, priority: "high" }));
  const merged = mergeWaiting([a, b, c] as Publication[], place(0), { t: "text" });
  expect(merged.map(({ json }) => JSON.parse(json).append)).toEqual(["ab", "c"]);
});

test("[P-SIG-8] an entry that was merged from several has no signature, and every other one keeps its own", () => {
  const signed = waiting(
    ["s", 1],
    ["s", 2],
    ["t", { append: "a" }],
    ["t", { append: "b" }],
    ["x", 1],
  ).map((entry, i) => ({
    ...entry,
    sig: `sig${i}`,
  }));
  const merged = mergeWaiting(signed, place(0), { s: "state", t: "text" });
  expect(merged.map(({ json, sig }) => [json, sig])).toEqual([
    ["2", "sig1"],
    ['{"append":"ab"}', undefined],
    ["1", "sig4"],
  ]);
});

test("[P-ENC-6] encrypted patches and texts are never composed, and encrypted states replace each other by a plain field", () => {
  const sealed = (ct: string) => ({ $encrypted: { v: 1, ct } });
  const patch = { p: "patch", t: "text", s: { class: "state", by: "id" } } as const;
  const entries = [
    ["p", sealed("a")],
    ["p", sealed("b")],
    ["p", { x: sealed("a") }],
    ["p", { x: sealed("b") }],
    ["t", { append: "a", more: sealed("a") }],
    ["t", { append: "b", more: sealed("a") }],
  ] as const;
  expect(rest(patch, ...entries)).toHaveLength(entries.length);
  const states = [
    ["s", { id: 1, value: sealed("a") }],
    ["s", { id: 1, value: sealed("b") }],
  ] as const;
  expect(rest(patch, ...states)).toEqual([[2, 0, { id: 1, value: sealed("b") }]]);
});

test("[P-OUT-5] [P-RULE-22] texts of two publishers are never joined, and a joined text has the publisher of its pieces", () => {
  const by = (publisher: string, entry: Publication): Publication => ({ ...entry, publisher });
  const [a, b, c, d] = waiting(
    ["t", { append: "a" }],
    ["t", { append: "b" }],
    ["t", { append: "c" }],
    ["t", { append: "d" }],
  ) as [Publication, Publication, Publication, Publication];
  const entries = [by("user:ann", a), by("user:ann", b), by("user:eve", c), d];
  const merged = mergeWaiting(entries, place(0), { t: "text" });
  expect(merged.map(({ publisher, json }) => [publisher, JSON.parse(json)])).toEqual([
    ["user:ann", { append: "ab" }],
    ["user:eve", { append: "c" }],
    [undefined, { append: "d" }],
  ]);
});
