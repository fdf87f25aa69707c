import { describe, expect, it } from "vitest";
import { compact, Fields, integerIn, listOf, numberIn, objectOf, oneOf, textOf } from "./fields.ts";

const point = objectOf((fields) => ({
  x: fields.required("x", numberIn(0, 9)),
  y: fields.required("y", numberIn(0, 9)),
}));

describe("the fields of an object", () => {
  it("that are wrong deep inside are named by their whole path", () => {
    const fields = new Fields(
      {
        shape: {
          points: [
            { x: 1, y: 2 },
            { x: 1, y: "2" },
          ],
        },
      },
      "data.",
    );
    fields.required(
      "shape",
      objectOf((shape) => shape.required("points", listOf(point, 0, 5))),
    );
    expect(fields.refusal).toEqual({
      code: "bad_message",
      message: "data.shape.points[1].y must be a number from 0 to 9",
      retryable: false,
    });
  });

  it("that are missing inside a list are named by their whole path", () => {
    const fields = new Fields({ points: [{ x: 1 }] });
    fields.required("points", listOf(point, 0, 5));
    expect(fields.refusal?.message).toBe("points[0].y is missing");
  });

  it("of several wrong ones tell of the first", () => {
    const fields = new Fields({ a: 1, b: 2 });
    fields.required("a", textOf(1));
    fields.required("b", textOf(1));
    expect(fields.refusal?.message).toMatch(/^a must/);
  });

  it("are absent when undefined, and wrong when null", () => {
    const fields = new Fields({ a: undefined, b: null });
    expect(fields.optional("a", textOf(1))).toBeUndefined();
    expect(fields.refusal).toBeUndefined();
    fields.optional("b", textOf(1));
    expect(fields.refusal?.message).toMatch(/^b must/);
  });
});

describe("a reader", () => {
  it.each([
    ["text", textOf(3), ["a", "abc"], ["", "abcd", 1, null, ["a"]]],
    ["text that may be empty", textOf(3, 0), ["", "abc"], ["abcd", undefined]],
    ["an integer", integerIn(1, 3), [1, 2, 3], [0, 4, 1.5, "1", NaN, null, 2n]],
    ["a number", numberIn(0, 1), [0, 0.5, 1], [-0.1, 1.1, NaN, Infinity, "0", null]],
    ["a choice", oneOf(["a", "b"]), ["a", "b"], ["c", "", 1, null, ["a"], "toString"]],
    [
      "a list",
      listOf(integerIn(0, 9), 1, 2),
      [[1], [1, 2]],
      [[], [1, 2, 3], ["1"], { length: 1 }, "1"],
    ],
    ["an object", point, [{ x: 1, y: 2 }], [{}, [], null, { x: 1 }]],
  ])("of %s takes that and nothing else", (_, reader, right, wrong) => {
    for (const value of right) expect(reader(value)).toEqual({ ok: true, value });
    for (const value of wrong) {
      expect(reader(value)).toMatchObject({ ok: false, failure: { code: "bad_message" } });
    }
  });
});

describe("a compact object", () => {
  it("lacks what is undefined and keeps what is null or false", () => {
    expect(Object.keys(compact({ a: undefined, b: null, c: false, d: 0 }))).toEqual([
      "b",
      "c",
      "d",
    ]);
  });
});
