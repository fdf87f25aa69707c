import { expect, test } from "vitest";
import { cutText } from "./cut-text.ts";

test("a text is cut to its length, and one character earlier where a surrogate pair would be split", () => {
  expect(cutText("abc", 3)).toBe("abc");
  expect(cutText("abcd", 3)).toBe("abc");
  expect(cutText("ab😀d", 3)).toBe("ab");
  expect(cutText("ab😀d", 4)).toBe("ab😀");
  expect(cutText("😀", 1)).toBe("");
  expect(cutText("ab", 0)).toBe("");
});
