import { describe, expect, it } from "vitest";
import { compact, Fields, integerIn, listOf, numberIn, objectOf, oneOf, textOf } from "./fields.ts";

const point = objectOf((fields) => ({
  x: fields.required("x", numberIn(0, 9)),
  y: fields.required("y", numberIn(0, 9)),
}));

describe("Fields", () => {
  it("the message about a wrong field deep inside an object names its whole path", () => {
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

  it("the message about a missing field inside a list names its whole path", () => {
    const fields = new Fields({ points: [{ x: 1 }] });
    fields.required("points", listOf(point, 0, 5));
    expect(fields.refusal?.message).toBe("points[0].y is missing");
  });

  it("the refusal names the first wrong field when several fields of an object are wrong", () => {
    const fields = new Fields({ a: 1, b: 2 });
    fields.required("a", textOf(1));
    fields.required("b", textOf(1));
    expect(fields.refusal?.message).toMatch(/^a must/);
  });

  it("an optional field is absent when it is undefined, and wrong when it is null", () => {
    const fields = new Fields({ a: undefined, b: null });
    expect(fields.optional("a", textOf(1))).toBeUndefined();
    expect(fields.refusal).toBeUndefined();
    fields.optional("b", textOf(1));
    expect(fields.refusal?.message).toMatch(/^b must/);
  });
});

describe("readers of values", () => {
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
  ])(
    "the reader of %s accepts matching values and refuses all others with bad_message",
    (_, reader, right, wrong) => {
      for (const value of right) expect(reader(value)).toEqual({ ok: true, value });
      for (const value of wrong) {
        expect(reader(value)).toMatchObject({ ok: false, failure: { code: "bad_message" } });
      }
    },
  );
});

describe("compact", () => {
  it("compact removes undefined fields and keeps those that are null, false or 0", () => {
    expect(Object.keys(compact({ a: undefined, b: null, c: false, d: 0 }))).toEqual([
      "b",
      "c",
      "d",
    ]);
  });
});
