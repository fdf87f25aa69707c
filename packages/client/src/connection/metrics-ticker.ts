import type { Cancel } from "../runtime/clock.ts";
import { ChangeListeners } from "../runtime/listeners.ts";
import type { Reporter } from "../runtime/reporter.ts";
import type { Schedule } from "../runtime/schedule.ts";
import type { ConnectionMetrics, MetricsRecorder } from "./metrics.ts";

const everyMs = 1_000;

/** Reads the metrics once a second while there are listeners, and notifies them when a value has changed. */
export class MetricsTicker {
  readonly recorder: MetricsRecorder;
  readonly #schedule: Schedule;
  readonly #listeners: ChangeListeners;
  #last: ConnectionMetrics | undefined;
  #cancel: Cancel | undefined;

  constructor(recorder: MetricsRecorder, schedule: Schedule, reporter: Reporter) {
    this.recorder = recorder;
    this.#schedule = schedule;
    this.#listeners = new ChangeListeners(reporter, () => {
      this.#tick();
      return () => this.#cancel?.();
    });
  }

  /**
   * Returns the metrics. While there are listeners, returns the metrics of the last check, so that two calls
   * between checks return the same object.
   */
  read(): ConnectionMetrics {
    if (this.#listeners.size > 0 && this.#last !== undefined) return this.#last;
    this.#last = this.recorder.read();
    return this.#last;
  }

  /**
   * Reads the metrics now and notifies the listeners when a value has changed; does nothing without listeners.
   */
  look(): void {
    if (this.#listeners.size === 0) return;
    const next = this.recorder.read();
    if (next === this.#last) return;
    this.#last = next;
    this.#listeners.changed();
  }

  add(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  #tick(): void {
    this.#cancel = this.#schedule.after(everyMs, () => {
      this.look();
      this.#tick();
    });
  }
}
