import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("../css/status-panel.css", import.meta.url), "utf8");

/**
 * Colours of each theme in the style sheet, by name. There are four blocks: the light theme, the dark theme of
 * the system setting, and the two themes that a page can set.
 */
const themes = [...css.matchAll(/\{[^{}]*--mp-surface[^{}]*\}/g)].map(([block]) =>
  Object.fromEntries(
    [...block.matchAll(/--mp-([a-z]+): (#[0-9a-f]{6});/g)].map(([, name, colour]) => [
      name,
      colour,
    ]),
  ),
);

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.040_45 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

describe("the panel's style sheet", () => {
  it("the panel's style sheet has a light and a dark theme, both for the system setting and for the page's choice", () => {
    expect(themes).toHaveLength(4);
    expect(themes[2]).toEqual(themes[0]);
    expect(themes[3]).toEqual(themes[1]);
    expect(css).toContain("@media (prefers-color-scheme: dark)");
    expect(css).toContain('[data-theme="dark"] .mp-panel');
  });

  it.each(["text", "muted", "accent", "good", "warning", "bad"])(
    "the panel's style sheet shows text in the colour %s with a contrast of at least 4.5 (WCAG AA)",
    (name) => {
      for (const theme of themes) {
        expect(contrast(theme[name] ?? "", theme.surface ?? "")).toBeGreaterThanOrEqual(4.5);
      }
    },
  );

  it("the panel's style sheet draws the edges of controls with a contrast of at least 3", () => {
    for (const theme of themes) {
      expect(contrast(theme.border ?? "", theme.surface ?? "")).toBeGreaterThanOrEqual(3);
    }
  });

  it("the panel's style sheet uses only its own class prefix and animates nothing when reduced motion is preferred", () => {
    const classes = [...css.matchAll(/\.([a-zA-Z][\w-]*)/g)].map(([, name]) => name ?? "");
    expect(classes.filter((name) => !name.startsWith("mp-"))).toEqual([]);
    const calm = css.replace(/@media \(prefers-reduced-motion: no-preference\) \{[\s\S]*?\n\}/, "");
    expect(calm).not.toMatch(/animation:|transition:/);
  });
});
