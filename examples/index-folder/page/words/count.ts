export { bytes, count, counted, measured } from "../../src/numbers.ts";

/** Formats a place in a line: `1st`, `2nd`, `11th`, `23rd`. */
export function ordinal(value: number): string {
  const lastTwo = value % 100;
  if (lastTwo >= 11 && lastTwo <= 13) return `${value}th`;
  const endings: Record<number, string> = { 1: "st", 2: "nd", 3: "rd" };
  return `${value}${endings[value % 10] ?? "th"}`;
}

/**
 * Rounds a percentage down to a whole number from 0 to 100, so that 100 appears only for all of it: `0`, `37`,
 * `99`.
 */
export function wholePercent(percent: number): number {
  return Math.floor(Math.min(100, Math.max(0, percent)));
}
