import { longestTimerMs, timerDelayMs } from "@milepost/protocol";
import type { Cancel, ClientClock } from "./clock.ts";

interface Task {
  readonly due: number;
  readonly run: () => void;
}

/** Runs all deadlines of one client on a single timer of the clock. */
export class Schedule {
  readonly #clock: ClientClock;
  readonly #tasks = new Set<Task>();
  #armed: { readonly due: number; readonly cancel: Cancel } | undefined;

  constructor(clock: ClientClock) {
    this.#clock = clock;
  }

  /** Runs `run` once, `delayMs` from now at the earliest, never inside this call. */
  after(delayMs: number, run: () => void): Cancel {
    const task: Task = { due: this.#clock.monotonic() + timerDelayMs(delayMs), run };
    this.#tasks.add(task);
    this.#arm();
    return () => {
      if (this.#tasks.delete(task)) this.#arm();
    };
  }

  /**
   * Sets the timer to the earliest deadline. A deadline beyond the longest timer of the platform is waited for in
   * parts, so that a clock of the application need not do so.
   */
  #arm(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const { due } of this.#tasks) next = Math.min(next, due);
    if (next === (this.#armed?.due ?? Number.POSITIVE_INFINITY)) return;
    this.#armed?.cancel();
    this.#armed = undefined;
    if (next === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(Math.max(0, next - this.#clock.monotonic()), longestTimerMs);
    this.#armed = { due: next, cancel: this.#clock.after(delayMs, () => this.#ring()) };
  }

  #ring(): void {
    this.#armed = undefined;
    const now = this.#clock.monotonic();
    const due = [...this.#tasks].filter((task) => task.due <= now);
    due.sort((a, b) => a.due - b.due);
    for (const task of due) if (this.#tasks.delete(task)) task.run();
    this.#arm();
  }
}
