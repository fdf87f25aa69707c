import type { Level, PersonalNotification } from "@milepost/model";
import type { Cancel, ClientClock } from "../runtime/clock.ts";

/** Times to show notifications without a `ttl_ms`, in milliseconds, by level. */
export type LevelTimes = Readonly<Record<Level, number>>;

/** Returns what identifies one showing of an item: an item that is sent again is shown again. */
export function keyOf({ id, at }: { readonly id: string; readonly at: number }): string {
  return `${at} ${id}`;
}

/**
 * Decides until when each notification is shown. One that arrives is shown for its whole time. One from the state of
 * the channel is shown for what is left of it, and never for longer, whatever the clocks of page and gateway say.
 */
export class PassingItems {
  readonly #clock: ClientClock;
  readonly #times: LevelTimes;
  readonly #changed: () => void;
  /** Time on the monotonic clock at which each known notification disappears. */
  readonly #until = new Map<string, number>();
  #isHeld = false;
  #cancel: Cancel | undefined;

  constructor(clock: ClientClock, times: LevelTimes, changed: () => void) {
    this.#clock = clock;
    this.#times = times;
    this.#changed = changed;
  }

  /** Counts the age of notifications that the state of a channel has, and that are not known yet. */
  found(all: readonly PersonalNotification[]): void {
    const now = this.#clock.monotonic();
    for (const one of all) {
      const ageMs = Math.max(0, this.#clock.now() - one.at);
      if (!this.#until.has(keyOf(one))) this.#until.set(keyOf(one), now + this.#ttlOf(one) - ageMs);
    }
  }

  /** Returns the notifications that are still to be shown, and sets the timer for the one that disappears first. */
  shown(all: readonly PersonalNotification[]): readonly PersonalNotification[] {
    const now = this.#clock.monotonic();
    const keys = new Set(all.map(keyOf));
    for (const key of this.#until.keys()) if (!keys.has(key)) this.#until.delete(key);
    for (const one of all) {
      if (!this.#until.has(keyOf(one))) this.#until.set(keyOf(one), now + this.#ttlOf(one));
    }
    const shown = all.filter((one) => this.#isHeld || this.#untilOf(one) > now);
    this.#arm(Math.min(...shown.map((one) => this.#untilOf(one))) - now);
    return shown;
  }

  /** Keeps everything that is shown while somebody reads it. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#changed();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #ttlOf({ ttl_ms, level }: PersonalNotification): number {
    return ttl_ms ?? this.#times[level];
  }

  #untilOf(one: PersonalNotification): number {
    return this.#until.get(keyOf(one)) ?? 0;
  }

  #arm(delayMs: number): void {
    this.stop();
    if (this.#isHeld || !Number.isFinite(delayMs)) return;
    this.#cancel = this.#clock.after(Math.max(0, delayMs), this.#changed);
  }
}
