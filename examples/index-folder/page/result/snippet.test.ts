import { describe, expect, it } from "vitest";
import { snippetParts } from "./snippet.tsx";

function shown(snippet: string, highlights: readonly (readonly [number, number])[]): string {
  return snippetParts(snippet, highlights)
    .map(({ text, marked }) => (marked ? `[${text}]` : text))
    .join("");
}

describe("the parts of a snippet", () => {
  it("snippetParts marks the words in place, in whatever order the highlights are listed", () => {
    expect(
      shown("the road ahead", [
        [9, 14],
        [4, 8],
      ]),
    ).toBe("the [road] [ahead]");
  });

  it("snippetParts returns the whole snippet as one part when there are no highlights", () => {
    expect(shown("the road", [])).toBe("the road");
    expect(snippetParts("", [[0, 3]])).toEqual([]);
  });

  it("snippetParts keeps every character exactly once when highlights overlap or reach too far", () => {
    expect(
      shown("abcdef", [
        [1, 4],
        [2, 3],
        [3, 99],
      ]),
    ).toBe("a[bcd][ef]");
  });
});
