import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { colourTokens, contrast } from "./contrast.ts";

/** Style sheets with these tokens: of the demo's page, and of the console. */
const sheets = ["tokens.css", "../../../../packages/console/src/design/tokens.css"].map(
  (path) => [path, colourTokens(readFileSync(new URL(path, import.meta.url), "utf8"))] as const,
);

/**
 * Pairs of colours with the contrast that they need. WCAG 2.2, AA asks for 4.5 for text and 3 for the shapes of
 * controls and marks; the main text has 7.
 */
const pairs: readonly (readonly [foreground: string, background: string, ratio: number])[] = [
  ...["ground", "surface", "sunken"].flatMap((ground) => [
    ["ink", ground, 7] as const,
    ["ink-soft", ground, 4.5] as const,
    ["go", ground, 4.5] as const,
    ["halt", ground, 4.5] as const,
    ["stop", ground, 4.5] as const,
    ["wait", ground, 4.5] as const,
    ["line-strong", ground, 3] as const,
    ["focus", ground, 3] as const,
  ]),
  ["on-go", "go", 4.5],
  ["on-go", "go-strong", 4.5],
  ["ink", "mark", 4.5],
  ...["go", "halt", "stop", "wait"].flatMap((tone) => [
    [tone, `${tone}-soft`, 4.5] as const,
    ["ink", `${tone}-soft`, 4.5] as const,
  ]),
];

describe("the colours of the design", () => {
  it("contrast is measured right: black on white is 21, and a known grey is 4.54", () => {
    expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 5);
    expect(contrast("#767676", "#ffffff")).toBeCloseTo(4.54, 2);
  });

  for (const [sheet, tokens] of sheets) {
    for (const theme of ["light", "dark"] as const) {
      it.each(pairs)(
        `the ${theme} theme of ${sheet} keeps its contrast: %s on %s is at least %d`,
        (foreground, background, ratio) => {
          const front = tokens.get(foreground)?.[theme];
          const back = tokens.get(background)?.[theme];
          if (!front || !back) throw new Error(`no token ${foreground} or ${background}`);
          expect(contrast(front, back)).toBeGreaterThanOrEqual(ratio);
        },
      );
    }
  }
});
