import { maxDurationRecord } from "@milepost/engine";
import { decodeId, encodeId } from "@milepost/protocol";
import type { LearnedStep } from "./learned-step.ts";
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
  /** Steps of the run; those that take the longest if not all of them fit into the record. */
  readonly steps: readonly LearnedStep[];
}

/** Returns a run as a short text. */
export function encodeRun({ totalMs, size, elapsedMs, steps }: LearnedRun): string {
  const numbers = [totalMs, size, ...marks.map((_, mark) => elapsedMs[mark])];
  let text = numbers.map((one) => (one === undefined ? "" : encodeNumber(one))).join(",");
  for (const { id, startMs, tookMs } of steps.toSorted((a, b) => b.tookMs - a.tookMs)) {
    const encoded = encodeId(id);
    const step = `,${encoded}:${encodeNumber(startMs)}:${encodeNumber(tookMs)}`;
    if (decodeId(encoded) !== undefined && text.length + step.length <= maxDurationRecord) {
      text += step;
    }
  }
  return text;
}

/** Reads what {@link encodeRun} wrote; undefined for anything else. */
export function decodeRun(text: string): LearnedRun | undefined {
  const parts = text.split(",");
  const [totalMs, size, ...elapsed] = parts.map(decodeNumber);
  if (totalMs === undefined) return undefined;
  const elapsedMs = marks.map((_, mark) => elapsed[mark]);
  const steps = parts.flatMap((part) => decodeStep(part) ?? []);
  steps.sort((a, b) => a.startMs - b.startMs);
  return { totalMs, ...(size === undefined ? {} : { size }), elapsedMs, steps };
}

function decodeStep(text: string): LearnedStep | undefined {
  const [encoded = "", start, took, ...rest] = text.split(":");
  if (start === undefined || took === undefined || rest.length > 0) return undefined;
  const [id, startMs, tookMs] = [decodeId(encoded), decodeNumber(start), decodeNumber(took)];
  if (id === undefined || startMs === undefined || tookMs === undefined) return undefined;
  return { id, startMs, tookMs };
}

function encodeNumber(value: number): string {
  return Math.round(value).toString(36);
}

function decodeNumber(text: string): number | undefined {
  if (!/^[0-9a-z]{1,11}$/.test(text)) return undefined;
  const value = Number.parseInt(text, 36);
  return Number.isSafeInteger(value) ? value : undefined;
}
