import type { DigestCounts, DigestOperation, OperationSummary } from "@milepost/model";
import { isRecord, type Publication } from "@milepost/protocol";

/** Statuses in which an operation ends, by the event that says so. */
const endings = {
  done: "done",
  failed: "failed",
  cancelled: "cancelled",
  lost: "lost",
} as const;

/**
 * Counts what happens in the log of one operation. A step that is reported as done several times counts once, and once
 * more in another attempt.
 */
export class DigestFold {
  readonly #steps = new Set<string>();
  #attempt = 1;
  #warnings = 0;
  #errors = 0;
  #questions = 0;
  #started = false;
  #ended: DigestOperation["ended"];

  /** True if nothing has happened that people are told of. */
  get isEmpty(): boolean {
    return (
      this.#steps.size + this.#warnings + this.#errors + this.#questions === 0 &&
      !this.#started &&
      this.#ended === undefined
    );
  }

  get counts(): DigestCounts {
    return {
      steps_done: this.#steps.size,
      warnings: this.#warnings,
      errors: this.#errors,
      questions: this.#questions,
    };
  }

  add({ event, json }: Pick<Publication, "event" | "json">): void {
    switch (event) {
      case "created":
        this.#started = true;
        return;
      case "started":
        this.#start(JSON.parse(json));
        return;
      case "done":
      case "failed":
      case "cancelled":
      case "lost":
        this.#ended = endings[event];
        return;
      case "step":
        this.#step(JSON.parse(json));
        return;
      case "log":
        this.#log(JSON.parse(json));
        return;
      case "question":
        if (has(JSON.parse(json), "phase", "asked")) this.#questions++;
    }
  }

  result(summary: OperationSummary, more: boolean): DigestOperation {
    const { operation_id, kind, title, status, percent } = summary;
    return {
      operation_id,
      kind,
      title,
      status,
      percent,
      ...this.counts,
      ...(this.#started && { started: true }),
      ...(this.#ended !== undefined && { ended: this.#ended }),
      ...(more && { more: true }),
    };
  }

  /** Begins a new attempt, if the event names a higher one. Otherwise it only says again that the work runs. */
  #start(data: unknown): void {
    const attempt = isRecord(data) ? Number(data.attempt ?? 0) : 0;
    if (attempt <= this.#attempt) return;
    this.#attempt = attempt;
    this.#ended = undefined;
  }

  #step(data: unknown): void {
    if (has(data, "status", "done")) this.#steps.add(`${this.#attempt} ${data.id}`);
  }

  #log(data: unknown): void {
    if (has(data, "level", "warning")) this.#warnings++;
    else if (has(data, "level", "error")) this.#errors++;
  }
}

function has(
  data: unknown,
  field: string,
  value: string,
): data is Readonly<Record<string, unknown>> {
  return isRecord(data) && data[field] === value;
}
