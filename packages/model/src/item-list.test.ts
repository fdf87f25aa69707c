import { describe, expect, it } from "vitest";
import { changeItems, putItem } from "./item-list.ts";

const item = (id: string, isIdle = true, note = "") => ({ id, isIdle, note });
type Item = ReturnType<typeof item>;
const isIdle = (one: Item) => one.isIdle;
const ids = (items: readonly Item[]) => items.map(({ id }) => id).join("");

describe("a bounded list of items", () => {
  it("puts an item in the place of the one with its id, and a new one at the end", () => {
    const items = [item("a"), item("b")];
    const replaced = putItem(items, item("a", true, "new"), 2, isIdle);
    expect(replaced).toEqual([item("a", true, "new"), item("b")]);
    expect(ids(putItem(items, item("c"), 3, isIdle))).toBe("abc");
    expect(ids(items)).toBe("ab");
  });

  it("drops the oldest idle item above the bound, and the oldest item if none is idle", () => {
    const [a, b] = [item("a", false), item("b")];
    expect(ids(putItem([a, b], item("c"), 2, isIdle))).toBe("ac");
    expect(ids(putItem([a, item("b", false)], item("c", false), 2, isIdle))).toBe("bc");
  });

  it("changes the items that are meant, and returns the same list if there is none", () => {
    const items = [item("a"), item("b", false)];
    const changed = changeItems(items, isIdle, (one) => ({ ...one, note: "changed" }));
    expect(changed.map(({ note }) => note)).toEqual(["changed", ""]);
    expect(changeItems(changed, ({ id }) => id === "c", isIdle as never)).toBe(changed);
  });
});
