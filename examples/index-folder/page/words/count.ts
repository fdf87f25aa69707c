const numbers = new Intl.NumberFormat("en");

/** Formats a number with separators: `12,480`. */
export function count(value: number): string {
  return numbers.format(Math.round(value));
}

/** Formats a count with its noun: `1 file`, `12,480 files`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${Math.round(value) === 1 ? one : many}`;
}

/** Formats a place in a line: `1st`, `2nd`, `11th`, `23rd`. */
export function ordinal(value: number): string {
  const lastTwo = value % 100;
  if (lastTwo >= 11 && lastTwo <= 13) return `${value}th`;
  const endings: Record<number, string> = { 1: "st", 2: "nd", 3: "rd" };
  return `${value}${endings[value % 10] ?? "th"}`;
}

/** Formats a size in bytes for people: `812 B`, `4.3 MB`. */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = value;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 99.95 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/**
 * Rounds a percentage down to a whole number from 0 to 100, so that 100 appears only for all of it: `0`, `37`,
 * `99`.
 */
export function wholePercent(percent: number): number {
  return Math.floor(Math.min(100, Math.max(0, percent)));
}
