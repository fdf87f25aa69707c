import { describe, expect, it } from "vitest";
import { snippetParts } from "./snippet.tsx";

function shown(snippet: string, highlights: readonly (readonly [number, number])[]): string {
  return snippetParts(snippet, highlights)
    .map(({ text, marked }) => (marked ? `[${text}]` : text))
    .join("");
}

describe("a snippet", () => {
  it("marks the words in place, in whatever order they are named", () => {
    expect(
      shown("the road ahead", [
        [9, 14],
        [4, 8],
      ]),
    ).toBe("the [road] [ahead]");
  });

  it("is whole without highlights", () => {
    expect(shown("the road", [])).toBe("the road");
    expect(snippetParts("", [[0, 3]])).toEqual([]);
  });

  it("keeps every character once when highlights overlap or reach too far", () => {
    expect(
      shown("abcdef", [
        [1, 4],
        [2, 3],
        [3, 99],
      ]),
    ).toBe("a[bcd][ef]");
  });
});
