import type { Cancel, Clock } from "@milepost/engine";

const slotMs = 50;
const slotCount = 1_024;

/** Something that is due at one time at most; objects extend it, so that waiting costs no closure and no timer. */
export abstract class Deadline {
  /** On the clock that never goes backwards; undefined while it waits for nothing. */
  dueAt: number | undefined;
  /** The list it stands in; the wheel's. */
  slot: Deadline[] | undefined;
  /** Where in the list; the wheel's. */
  index = 0;

  /** Called once the time has come; may set the next. */
  abstract onDue(): void;
}

/**
 * All deadlines of a node on one timer.
 *
 * Due times are kept to 50 ms: a deadline runs up to that much late, never early. Setting, moving and
 * clearing one costs the same whatever their number. The timer runs only while something waits.
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #slots: Deadline[][] = Array.from({ length: slotCount }, () => []);
  readonly #onError: (error: unknown) => void;
  /** How many slots have ever been run; the slot of a time is its number modulo the count. */
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

  /** Makes the deadline due `delayMs` from now instead of whenever it was. */
  set(deadline: Deadline, delayMs: number): void {
    this.clear(deadline);
    if (this.#closed) return;
    const now = this.#clock.monotonic();
    if (this.#waiting === 0) this.#turned = Math.floor(now / slotMs);
    const dueAt = now + Math.max(0, delayMs);
    deadline.dueAt = dueAt;
    // A deadline past the horizon stands in the last slot before it and is put further when that comes.
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

  /** Makes it due never. */
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

  /** Resolves after `delayMs`; for what happens seldom. Never once the wheel is closed. */
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
    // After a long pause every slot is looked at once, not once per turn missed.
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
