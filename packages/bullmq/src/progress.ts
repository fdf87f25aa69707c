import type { Operation } from "@milepost/producer";

const numbers = ["percent", "done", "total"] as const;
const texts = ["unit", "message"] as const;

/**
 * Reports what a job gave to `updateProgress`: a number is a percentage, a text a message, and an object may have `percent`,
 * `done`, `total`, `unit` and `message`, and `step` for the step that they are about. Other values are ignored.
 */
export function reportProgress(operation: Operation, progress: unknown): void {
  if (typeof progress === "number") operation.progress({ percent: within(progress) });
  else if (typeof progress === "string") operation.progress({ message: progress });
  else if (typeof progress === "object" && progress !== null) reportFields(operation, progress);
}

function reportFields(operation: Operation, progress: object): void {
  const given = progress as Record<string, unknown>;
  const fields: Record<string, unknown> = {};
  for (const name of numbers) {
    const value = given[name];
    if (typeof value === "number" && Number.isFinite(value)) {
      fields[name] = name === "percent" ? within(value) : value;
    }
  }
  for (const name of texts) if (typeof given[name] === "string") fields[name] = given[name];
  if (typeof given.step === "string") operation.step(given.step, fields);
  else if (Object.keys(fields).length > 0) operation.progress(fields);
}

function within(percent: number): number {
  return Number.isNaN(percent) ? 0 : Math.min(100, Math.max(0, percent));
}
