import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Pieces } from "./pieces.ts";
import { readUpdateData, updateData } from "./update-text.ts";

const bytes = fc.uint8Array({ minLength: 0, maxLength: 400_000 });

describe("updates as data of entries", () => {
  test("an update of any size is read back from its entries, in any order and with repetitions", () => {
    fc.assert(
      fc.property(
        bytes,
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        (update, order) => {
          const data = updateData(update, () => "u1");
          const sent = [...data, ...data.slice(0, 1)]
            .map((one) => ({ one, at: order.next().value as number }))
            .toSorted((a, b) => a.at - b.at);
          const pieces = new Pieces();
          const whole = sent
            .map(({ one }) => pieces.take(one))
            .filter((found) => found !== undefined);
          expect(whole[0]).toEqual(update);
        },
      ),
      { numRuns: 50 },
    );
  });

  test("no entry of a large update is larger than a page of history", () => {
    const data = updateData(new Uint8Array(1_000_000), () => "u1");
    expect(data).toHaveLength(11);
    for (const one of data) expect(JSON.stringify(one).length).toBeLessThan(200_000);
  });

  test.each([
    null,
    "x",
    {},
    { update: 1 },
    { update: "AA==", id: 1, piece: 0, pieces: 2 },
    { update: "AA==", id: "a", piece: 2, pieces: 2 },
    { update: "AA==", id: "a", piece: -1, pieces: 2 },
    { update: "AA==", id: "a", piece: 0, pieces: 1e9 },
    { update: "AA==", id: "a", piece: 0.5, pieces: 2 },
    { update: "AA==", id: "a".repeat(200), piece: 0, pieces: 2 },
  ])("data that are none of an update are refused: %j", (data) => {
    expect(readUpdateData(data)).toBeUndefined();
  });

  test("text that is no base64 makes no update, and does not throw", () => {
    expect(new Pieces().take({ update: "no base64 %" })).toBeUndefined();
  });

  test("a piece that is there already, or that says another number of pieces, changes nothing", () => {
    const pieces = new Pieces();
    expect(pieces.take({ update: "AAAA", id: "u1", piece: 0, pieces: 2 })).toBeUndefined();
    expect(pieces.take({ update: "////", id: "u1", piece: 0, pieces: 2 })).toBeUndefined();
    expect(pieces.take({ update: "////", id: "u1", piece: 1, pieces: 3 })).toBeUndefined();
    expect(pieces.take({ update: "AAAA", id: "u1", piece: 1, pieces: 2 })).toEqual(
      new Uint8Array(6),
    );
  });

  test("pieces of updates that never become complete are forgotten, the oldest first", () => {
    const pieces = new Pieces();
    const first = (id: string) => ({ update: "AAAA", id, piece: 0, pieces: 2 });
    for (let n = 0; n < 100; n++) pieces.take(first(`u${n}`));
    expect(pieces.incomplete).toHaveLength(32);
    expect(pieces.take({ update: "AAAA", id: "u99", piece: 1, pieces: 2 })).toBeDefined();
    expect(pieces.take({ update: "AAAA", id: "u0", piece: 1, pieces: 2 })).toBeUndefined();
  });
});
