import { regress } from "./regress.ts";
import { maxSamples, minSamples, type Sample } from "./samples.ts";
import type { Weighted } from "./weighted-quantile.ts";

/** Number of newer samples after which a sample has half the weight. */
const halfLife = 50;
const halfLifeOfSlopes = 60;
/** Distance, as a natural logarithm, at which what was known of a sample is no longer like the case in question. */
const likeness = 0.5;
/** Weight of a sample that is not like the case in question, relative to one that is. */
const unlikeWeight = 0.02;
const fastRate = 0.2;
const slowRate = 0.015;
/** The level follows the newest samples only if that would have been nearer by this factor. */
const fasterBy = 0.95;
/** Number of samples below which what is known is not used. */
const minForSlopes = 8;

/** Distribution of how long a case will take, as natural logarithms of milliseconds: a centre, and deviations from it. */
export interface Forecast {
  readonly centre: number;
  /** Weighted deviations, ascending. */
  readonly deviations: readonly Weighted[];
}

/**
 * Returns the distribution of how long a case will take of which `known` is known; undefined for fewer than
 * {@link minSamples} samples. `samples` are newest first. `assumed` are the slopes along what is known, as far as the
 * samples say nothing else: 1 for a value to which the time is proportional, and 0 by default.
 *
 * Newer samples weigh more, and so do those of which the like was known. The centre follows what is known by a regression,
 * and the newest samples where these tell more than all: after a sudden change, or on a drift.
 */
export function forecast(
  samples: readonly Sample[],
  known: Sample["known"],
  assumed: readonly number[] = [],
): Forecast | undefined {
  const used = samples.slice(0, maxSamples);
  if (used.length < minSamples) return undefined;
  const query = used.length < minForSlopes ? [] : logsOf(known);
  const rows = used.map((sample) => ({
    y: Math.log(Math.max(1, sample.tookMs)),
    // A value that the sample does not have is taken for the one in question, so that it says nothing.
    x: query.map(({ index, log }) => logOf(sample.known[index]) ?? log),
  }));
  const priors = query.map(({ index }) => assumed[index] ?? 0);
  const unexplained = rows.map(({ x, y }) => ({ x, y: y - dot(priors, x) }));
  const slopes = regress(unexplained, halfLifeOfSlopes).map((one, j) => one + (priors[j] ?? 0));
  const residuals = rows.map(({ x, y }) => y - dot(slopes, x));
  const levels = levelsOf(residuals);
  const deviations = residuals.map((residual, i) => ({
    value: residual - (levels.before[i] ?? 0),
    weight: 2 ** (-i / halfLife) * likenessOf(rows[i]?.x ?? [], query),
  }));
  deviations.sort((a, b) => a.value - b.value);
  return {
    centre:
      dot(
        slopes,
        query.map(({ log }) => log),
      ) + levels.now,
    deviations,
  };
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, each, j) => sum + each * (b[j] ?? 0), 0);
}

function logOf(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.log(Math.max(1, value));
}

function logsOf(
  known: Sample["known"],
): readonly { readonly index: number; readonly log: number }[] {
  return known.flatMap((value, index) => {
    const log = logOf(value);
    return log === undefined ? [] : [{ index, log }];
  });
}

function likenessOf(x: readonly number[], query: readonly { readonly log: number }[]): number {
  if (query.length === 0) return 1;
  let squared = 0;
  query.forEach(({ log }, j) => {
    squared += (((x[j] ?? log) - log) / likeness) ** 2;
  });
  return Math.exp(-squared / 2) + unlikeWeight;
}

/**
 * Returns the level of the newest residual's successor, and the level before each residual. All are 0 unless a level
 * that follows the newest residuals would have been nearer to each next one than their slow mean.
 */
function levelsOf(residuals: readonly number[]): {
  readonly now: number;
  readonly before: readonly number[];
} {
  const count = residuals.length;
  const oldest = residuals[count - 1] ?? 0;
  const before: number[] = new Array(count).fill(oldest);
  let [slow, fast, slowMiss, fastMiss] = [oldest, oldest, 0, 0];
  for (let i = count - 2; i >= 0; i--) {
    const residual = residuals[i] ?? 0;
    before[i] = fast;
    const weight = 2 ** (-i / halfLife);
    slowMiss += weight * Math.abs(residual - slow);
    fastMiss += weight * Math.abs(residual - fast);
    slow += Math.max(1 / (count - i), slowRate) * (residual - slow);
    fast += fastRate * (residual - fast);
  }
  return fastMiss < fasterBy * slowMiss ? { now: fast, before } : { now: 0, before: [] };
}
