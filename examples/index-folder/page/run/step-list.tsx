import "./step-list.css";
import type { StepState } from "@milepost/model";
import { count, wholePercent } from "../words/count.ts";
import { duration } from "../words/duration.ts";
import { milestones } from "./milestones.ts";

function stepWords(step: StepState): string {
  switch (step.status) {
    case "pending":
      return "to come";
    case "running":
      return `${wholePercent(step.percent)} %`;
    case "done":
      return step.started_at !== undefined && step.ended_at !== undefined
        ? `done in ${duration(step.ended_at - step.started_at)}`
        : "done";
    case "failed":
      return `failed at ${wholePercent(step.percent)} %`;
    case "skipped":
      // The current step of a cancelled run also ends as skipped, but with a percentage.
      return step.percent > 0 ? `stopped at ${wholePercent(step.percent)} %` : "skipped";
  }
}

function stepCount({ counter }: StepState): string {
  if (!counter) return "";
  const { done, total, unit = "" } = counter;
  const all =
    total === undefined || total === done ? count(done) : `${count(done)} of ${count(total)}`;
  return `${all} ${unit}`.trim();
}

/** List of a run's steps under the road: number, title, state, count, and share of the whole. */
export function StepList({ steps }: { readonly steps: readonly StepState[] }) {
  const places = milestones(steps);
  return (
    <ol className="steps" aria-label="Steps">
      {steps.map((step, index) => (
        <li
          key={step.id}
          className="step"
          data-step={step.id}
          data-status={step.status}
          aria-current={step.status === "running" ? "step" : undefined}
        >
          <span className="step__number" aria-hidden="true">
            {index + 1}
          </span>
          <span className="step__title">{step.title}</span>
          <span className="step__share">{Math.round(places[index]?.share ?? 0)} % of the way</span>
          <span className="step__state">{stepWords(step)}</span>
          <span className="step__count">{stepCount(step)}</span>
        </li>
      ))}
    </ol>
  );
}
