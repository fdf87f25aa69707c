import { MilepostError } from "@milepost/protocol";
import { requireTargetFits } from "../delivery-bounds.ts";
import type { Clock } from "../ports/clock.ts";
import type { Target, TargetBounds, Targets } from "../ports/targets.ts";

/** Owners that may have targets at a time. */
const defaultMaxOwners = 100_000;

interface Held {
  readonly value: string;
  /** Time until which the target is kept, in milliseconds of the monotonic clock. */
  readonly until: number;
}

/** Targets of one process. As many owners as may be held have targets; a further one is refused. */
export class MemoryTargets implements Targets {
  readonly #clock: Clock;
  readonly #maxOwners: number;
  readonly #owners = new Map<string, Map<string, Held>>();

  constructor(clock: Clock, maxOwners: number = defaultMaxOwners) {
    this.#clock = clock;
    this.#maxOwners = maxOwners;
  }

  async put(
    owner: string,
    target: Target,
    { maxTargets, keepMs, isRenewal = false }: TargetBounds,
  ): Promise<boolean> {
    requireTargetFits(owner, target);
    this.#forgetOne();
    const held = this.#held(owner) ?? new Map<string, Held>();
    if (!held.has(target.id) && (isRenewal || held.size >= maxTargets)) return false;
    if (!this.#owners.has(owner) && this.#owners.size >= this.#maxOwners) {
      throw new MilepostError(
        "rate_limited",
        `this node has the targets of ${this.#maxOwners} owners already; try again later, or use Redis`,
      );
    }
    this.#owners.set(owner, held);
    held.set(target.id, { value: target.value, until: this.#clock.monotonic() + keepMs });
    return true;
  }

  async list(owner: string): Promise<readonly Target[]> {
    const held = [...(this.#held(owner) ?? [])].map(([id, { value }]) => ({ id, value }));
    return held.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async remove(owner: string, id: string): Promise<boolean> {
    const held = this.#held(owner);
    const existed = held?.delete(id) === true;
    if (held?.size === 0) this.#owners.delete(owner);
    return existed;
  }

  /** Returns the owner's targets without those that have ended. */
  #held(owner: string): Map<string, Held> | undefined {
    const held = this.#owners.get(owner);
    if (held === undefined) return undefined;
    const now = this.#clock.monotonic();
    for (const [id, { until }] of held) if (until <= now) held.delete(id);
    if (held.size > 0) return held;
    this.#owners.delete(owner);
    return undefined;
  }

  /** Looks at the owner that was looked at longest ago, so that owners without targets are forgotten without a timer. */
  #forgetOne(): void {
    const [oldest] = this.#owners.keys();
    if (oldest === undefined) return;
    const held = this.#held(oldest);
    if (held === undefined) return;
    this.#owners.delete(oldest);
    this.#owners.set(oldest, held);
  }
}
