import { marks } from "./marks.ts";

/** A finished run as the store keeps it. All times are without pauses and stalls, in milliseconds. */
export interface LearnedRun {
  /** Time from the start of the work to its end. */
  readonly totalMs: number;
  /** Amount of work, in the kind's own unit; absent if the run named none. */
  readonly size?: number;
  /**
   * Time that the run had taken when it passed each mark; absent where it jumped over the mark. At the creation it is the
   * time from there to the start of the work.
   */
  readonly elapsedMs: readonly (number | undefined)[];
}

/** Returns a run as a short text. */
export function encodeRun({ totalMs, size, elapsedMs }: LearnedRun): string {
  const numbers = [totalMs, size, ...marks.map((_, mark) => elapsedMs[mark])];
  return numbers.map((one) => (one === undefined ? "" : encodeNumber(one))).join(",");
}

/** Reads what {@link encodeRun} wrote; undefined for anything else. */
export function decodeRun(text: string): LearnedRun | undefined {
  const [totalMs, size, ...elapsed] = text.split(",").map(decodeNumber);
  if (totalMs === undefined) return undefined;
  const elapsedMs = marks.map((_, mark) => elapsed[mark]);
  return { totalMs, ...(size === undefined ? {} : { size }), elapsedMs };
}

function encodeNumber(value: number): string {
  return Math.round(value).toString(36);
}

function decodeNumber(text: string): number | undefined {
  if (!/^[0-9a-z]{1,11}$/.test(text)) return undefined;
  const value = Number.parseInt(text, 36);
  return Number.isSafeInteger(value) ? value : undefined;
}
