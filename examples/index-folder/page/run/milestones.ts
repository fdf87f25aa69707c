import type { StepState } from "@milepost/model";

/** Milestone of a step: where on the road, in percent, the step begins and ends. */
export interface Milestone {
  readonly id: string;
  /** Number of the milestone, from 1; the list of steps shows the same numbers. */
  readonly number: number;
  readonly start: number;
  readonly end: number;
  /** Share of the step in the whole run, 0–100. */
  readonly share: number;
  readonly status: StepState["status"];
  /** Row of the milestone: 0, or 1 when it must stand a row higher because its neighbour is too close. */
  readonly tier: 0 | 1;
}

/** Distance in percent below which two milestones would overlap on a phone. */
const tooClose = 9;

/** Places the steps on the road by their weights. If all weights are zero, the steps share the road equally. */
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
