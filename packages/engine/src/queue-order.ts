/** Virtual time that a ticket of a lane with the weight 1 takes. */
const virtualSecond = 10_000_000;

/** A lane in the order of service. All virtual times are whole numbers. */
export interface OrderedLane {
  /** Virtual time that each of its tickets takes. */
  readonly cost: number;
  /** Virtual time at which its latest ticket was served, or at which it began to wait. */
  readonly base: number;
  /** Number of its tickets that were never claimed and wait. */
  readonly waiting: number;
}

/** Returns the virtual time that a ticket of a lane with this weight takes. */
export function laneCost(weight: number): number {
  return Math.max(1, Math.round(virtualSecond / weight));
}

/**
 * Returns the number of tickets that are served before the ticket that has `ahead` others before it in its lane: the
 * ticket whose virtual time is smaller is served first, and of equal ones that of the earlier lane.
 */
export function servedBefore(
  lanes: readonly OrderedLane[],
  laneIndex: number,
  ahead: number,
): number {
  const own = lanes[laneIndex];
  if (own === undefined) return ahead;
  const served = own.base + (ahead + 1) * own.cost;
  let before = ahead;
  for (const [index, { base, cost, waiting }] of lanes.entries()) {
    if (index === laneIndex) continue;
    const left = (served - base) / cost;
    const earlier = index < laneIndex ? Math.floor(left) : Math.ceil(left) - 1;
    before += Math.min(waiting, Math.max(0, earlier));
  }
  return before;
}

/** Returns the index of the lane that is served next; undefined when none has a waiting ticket. */
export function nextLane(lanes: readonly OrderedLane[]): number | undefined {
  let next: number | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const [index, { base, cost, waiting }] of lanes.entries()) {
    if (waiting === 0 || base + cost >= least) continue;
    next = index;
    least = base + cost;
  }
  return next;
}
