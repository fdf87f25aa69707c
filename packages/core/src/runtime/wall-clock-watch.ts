import type { Clock } from "@milepost/engine";
import { Deadline, type TimerWheel } from "./timer-wheel.ts";

/**
 * Interval between two looks at the wall clock, in milliseconds. Whatever waits for a time of the wall clock then
 * notices within 5 s that the clock was set.
 */
const lookMs = 4_800;
/** Change of the wall clock beside the monotonic one that counts as a set clock, in milliseconds. */
const toleranceMs = 500;

/** Parts of the node that a {@link WallClockWatch} uses. */
interface WallClockWatchParts {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** Returns false once nothing waits for a time of the wall clock, which ends the watch. */
  readonly isNeeded: () => boolean;
  /** Called when the wall clock was set, forward or back. */
  readonly onSet: () => void;
}

/**
 * Watch over the wall clock of a node, for everything that waits for a time of that clock on the timer wheel, whose
 * own times are monotonic. One look serves all, so that a waiting object costs nothing until its time has come.
 */
export class WallClockWatch extends Deadline {
  readonly #parts: WallClockWatchParts;
  /** Wall-clock time less monotonic time at the last change, in milliseconds. */
  #offset = 0;

  constructor(parts: WallClockWatchParts) {
    super();
    this.#parts = parts;
  }

  /** Begins to watch, unless the watch is under way. */
  begin(): void {
    if (this.dueAt !== undefined) return;
    this.#offset = this.#currentOffset();
    this.#parts.wheel.set(this, lookMs);
  }

  override onDue(): void {
    const { wheel, isNeeded, onSet } = this.#parts;
    if (!isNeeded()) return;
    wheel.set(this, lookMs);
    const offset = this.#currentOffset();
    if (Math.abs(offset - this.#offset) <= toleranceMs) return;
    this.#offset = offset;
    onSet();
  }

  #currentOffset(): number {
    const { clock } = this.#parts;
    return clock.now() - clock.monotonic();
  }
}
