import type { StepState } from "@milepost/model";

/** A milestone: where on the road, in percent, a step begins and ends. */
export interface Milestone {
  readonly id: string;
  /** Counts from 1; the list of steps carries the same numbers. */
  readonly number: number;
  readonly start: number;
  readonly end: number;
  /** The step's share of the whole, 0–100. */
  readonly share: number;
  readonly status: StepState["status"];
  /** 0, or 1 for a stone that must stand a row higher because its neighbour is too close. */
  readonly tier: 0 | 1;
}

/** Stones closer than this many percent would overlap on a phone. */
const tooClose = 9;

/** Places the steps on the road by their weights. Weights that sum to nothing count as equal. */
export function milestones(steps: readonly StepState[]): readonly Milestone[] {
  const sum = steps.reduce((total, { weight }) => total + weight, 0);
  const placed: Milestone[] = [];
  let before = 0;
  for (const [index, { id, weight, status }] of steps.entries()) {
    const share = sum > 0 ? (weight / sum) * 100 : 100 / steps.length;
    const end = index === steps.length - 1 ? 100 : before + share;
    const previous = placed.at(-1);
    const tier = previous && previous.tier === 0 && end - previous.end < tooClose ? 1 : 0;
    placed.push({ id, number: index + 1, start: before, end, share, status, tier });
    before = end;
  }
  return placed;
}
