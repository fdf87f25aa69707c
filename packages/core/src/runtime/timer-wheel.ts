import type { Cancel, Clock } from "@milepost/engine";
import { timerDelayMs } from "@milepost/protocol";

const slotMs = 50;
const slotCount = 1_024;

/**
 * An object that can be due at one point in time. Classes extend it, so that a waiting object needs neither a
 * closure nor a timer of its own.
 */
export abstract class Deadline {
  /** Due time on the monotonic clock, in whole milliseconds; undefined while the deadline waits for nothing. */
  dueAt: number | undefined;
  /** Slot of the wheel that contains the deadline; managed by the wheel. */
  slot: Deadline[] | undefined;
  /** Index in that slot; managed by the wheel. */
  index = 0;

  /** Runs once the time has come; may set the deadline again. */
  abstract onDue(): void;
}

/**
 * All deadlines of a node on one timer.
 *
 * Due times are kept to 50 ms: a deadline runs up to that much late, never early. Setting, moving and clearing
 * a deadline costs the same for any number of them. The timer runs only while a deadline waits.
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #slots: Deadline[][] = Array.from({ length: slotCount }, () => []);
  readonly #onError: (error: unknown) => void;
  /**
   * Number of the last slot that was run: its time divided by 50 ms. A slot's index is its number modulo the
   * slot count.
   */
  #turned: number;
  #waiting = 0;
  #cancel: Cancel | undefined;
  #wakesAt = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#onError = onError;
    this.#turned = Math.floor(clock.monotonic() / slotMs);
  }

  /**
   * Makes the deadline due `delayMs` from now, in place of any earlier due time. A closed wheel only clears it.
   */
  set(deadline: Deadline, delayMs: number): void {
    this.clear(deadline);
    if (this.#closed) return;
    const now = this.#clock.monotonic();
    if (this.#waiting === 0) this.#turned = Math.floor(now / slotMs);
    // Whole milliseconds take no memory of their own, as fractions do.
    const dueAt = Math.ceil(now + timerDelayMs(delayMs));
    deadline.dueAt = dueAt;
    // A deadline further away than the wheel reaches, about 51 s, waits in its last slot. It is set again when
    // that slot runs.
    const number = Math.min(
      Math.max(Math.ceil(dueAt / slotMs), this.#turned + 1),
      this.#turned + slotCount - 1,
    );
    const slot = this.#slots[number % slotCount] ?? [];
    deadline.slot = slot;
    deadline.index = slot.length;
    slot.push(deadline);
    this.#waiting++;
    this.#wakeAt(number * slotMs);
  }

  /** Clears the deadline, so that it is not due any more. */
  clear(deadline: Deadline): void {
    const { slot } = deadline;
    deadline.dueAt = undefined;
    if (slot === undefined) return;
    deadline.slot = undefined;
    const last = slot.pop();
    if (last !== undefined && last !== deadline) {
      slot[deadline.index] = last;
      last.index = deadline.index;
    }
    this.#waiting--;
  }

  /** Resolves after `delayMs`; meant for rare waits. Never resolves once the wheel is closed. */
  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.set(new Pause(resolve), delayMs);
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wakeAt(time: number): void {
    if (time >= this.#wakesAt) return;
    this.#cancel?.();
    this.#wakesAt = time;
    this.#cancel = this.#clock.after(Math.max(0, time - this.#clock.monotonic()), () => {
      this.#cancel = undefined;
      this.#wakesAt = Number.POSITIVE_INFINITY;
      this.#turn();
      this.#wakeAtNext();
    });
  }

  #turn(): void {
    const now = this.#clock.monotonic();
    const until = Math.floor(now / slotMs);
    // After a long pause every slot runs once, not once for every turn that was missed.
    this.#turned = Math.max(this.#turned, until - slotCount);
    while (this.#turned < until && this.#waiting > 0) {
      this.#turned++;
      const slot = this.#slots[this.#turned % slotCount] ?? [];
      for (const deadline of slot.length === 0 ? slot : [...slot]) this.#meet(deadline, slot, now);
    }
  }

  #meet(deadline: Deadline, slot: readonly Deadline[], now: number): void {
    // Another deadline of this slot may have cleared or moved it.
    if (deadline.slot !== slot || deadline.dueAt === undefined) return;
    if (deadline.dueAt > now) {
      this.set(deadline, deadline.dueAt - now);
      return;
    }
    this.clear(deadline);
    try {
      deadline.onDue();
    } catch (error) {
      this.#onError(error);
    }
  }

  #wakeAtNext(): void {
    if (this.#waiting === 0 || this.#closed) return;
    for (let number = this.#turned + 1; number < this.#turned + slotCount; number++) {
      if ((this.#slots[number % slotCount]?.length ?? 0) > 0) {
        this.#wakeAt(number * slotMs);
        return;
      }
    }
  }
}

class Pause extends Deadline {
  readonly #resolve: () => void;

  constructor(resolve: () => void) {
    super();
    this.#resolve = resolve;
  }

  override onDue(): void {
    this.#resolve();
  }
}
