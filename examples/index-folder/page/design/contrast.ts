/** Light and dark value of a colour, as `tokens.css` defines them. */
export interface ColourToken {
  readonly light: string;
  readonly dark: string;
}

/** Returns the colour tokens of a stylesheet, by name without the dashes. */
export function colourTokens(css: string): ReadonlyMap<string, ColourToken> {
  const tokens = new Map<string, ColourToken>();
  const pattern = /--([a-z-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)/g;
  for (const [, name, light, dark] of css.matchAll(pattern)) {
    if (name && light && dark) tokens.set(name, { light, dark });
  }
  return tokens;
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Returns the contrast ratio of two `#rrggbb` colours by WCAG 2, from 1 to 21. */
export function contrast(one: string, other: string): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}
