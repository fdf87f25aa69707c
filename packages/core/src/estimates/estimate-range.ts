import { levelsAfter, type Tally } from "./calibration.ts";
import { type Forecast, forecast } from "./forecast.ts";
import type { Sample } from "./samples.ts";
import { weightedQuantile } from "./weighted-quantile.ts";

/** Range in which a time will lie: with a chance of 50 % below the first, with 90 % below the second. */
export interface DurationRange {
  readonly p50_ms: number;
  readonly p90_ms: number;
}

/** Levels from here on are extrapolated, since the samples end. */
const [firstLevel, lastLevel] = [0.02, 0.98];
/** Widths from p50 to p90 that one level of 1 beyond the samples adds. */
const beyond = 20;
const minWidth = 0.02;
/** Deviation, as a natural logarithm, within which samples count as equal. */
const tie = 0.005;
/** Share of the samples that are equal from which on a range is told on either side of them. */
const tiedShare = 0.05;
const longestMs = 10 * 365 * 86_400_000;

/**
 * Estimates how long a case will take of which `known` is known; undefined for too few samples.
 *
 * A pure function for every learned time: the runs of a kind, the waits of a queue. `samples` are past cases, newest
 * first. `tally` counts how earlier ranges of this function came out; with it the shares stay nominal (see
 * {@link levelsAfter}). `chance` is a random number from 0 up to 1: where many past cases took exactly the same time,
 * it decides on which side of that time the range ends, so that the shares are right there too. `assumed`: see
 * {@link forecast}.
 */
export function estimateRange(
  samples: readonly Sample[],
  known: Sample["known"],
  tally: Tally,
  chance: number,
  assumed?: readonly number[],
): DurationRange | undefined {
  const found = forecast(samples, known, assumed);
  if (found === undefined) return undefined;
  const levels = levelsAfter(tally);
  const p50_ms = readOff(found, levels.p50, chance);
  return { p50_ms, p90_ms: Math.max(p50_ms, readOff(found, levels.p90, chance)) };
}

function readOff({ centre, deviations }: Forecast, level: number, chance: number): number {
  const at = (one: number) => weightedQuantile(deviations, one);
  let value = at(level);
  const width = Math.max(minWidth, at(0.9) - at(0.5));
  if (level > lastLevel) value += width * (level - lastLevel) * beyond;
  if (level < firstLevel) value += width * (level - firstLevel) * beyond;
  const ms = Math.exp(centre + value);
  let [total, below, equal] = [0, 0, 0];
  for (const one of deviations) {
    total += one.weight;
    if (one.value < value - tie) below += one.weight;
    else if (one.value <= value + tie) equal += one.weight;
  }
  if (equal <= tiedShare * total) return whole(ms);
  const isAbove = chance * equal < level * total - below;
  return isAbove ? whole(Math.ceil(ms * (1 + tie)) + 1) : whole(Math.floor(ms * (1 - tie)) - 1);
}

function whole(ms: number): number {
  return Math.round(Math.min(Math.max(ms, 0), longestMs));
}
