"use client";
import { type OperationState, type StepState, slowSteps } from "@milepost/model";
import { type ReactNode, useId } from "react";
import type { PanelTexts } from "./panel-texts.ts";
import { useNow } from "./use-now.ts";

/** Progress of an operation: its place in line, the bar and the steps. */
export function OperationProgress({
  state,
  texts,
}: {
  readonly state: OperationState;
  readonly texts: PanelTexts;
}): ReactNode {
  const percent = Math.floor(state.percent);
  const step = state.steps.find((one) => one.id === state.current_step);
  const unknown = state.status === "waiting" && percent === 0;
  const { waiting, counter } = state;
  const detail = [step?.title, counter && texts.counter(counter.done, counter.total, counter.unit)]
    .filter((part) => part !== undefined)
    .join(": ");
  return (
    <>
      {waiting !== undefined && (
        <p className="mp-queue">
          {texts.queue(waiting.position, waiting.total, waiting.estimated_wait_ms)}
        </p>
      )}
      <div className="mp-progress-row">
        <div
          className="mp-progress"
          role="progressbar"
          aria-label={texts.progressOf(state.title)}
          aria-valuemin={0}
          aria-valuemax={100}
          {...(unknown
            ? { "data-unknown": "" }
            : {
                "aria-valuenow": percent,
                "aria-valuetext": texts.progress(percent, detail === "" ? undefined : detail),
              })}
        >
          <div className="mp-progress-bar" style={{ inlineSize: `${state.percent}%` }} />
        </div>
        {!unknown && (
          <span className="mp-percent" aria-hidden="true">
            {percent} %
          </span>
        )}
      </div>
      {state.message !== undefined && state.message !== "" && (
        <p className="mp-message">{state.message}</p>
      )}
      {state.steps.length > 0 && <Steps state={state} texts={texts} />}
    </>
  );
}

function Steps({
  state,
  texts,
}: {
  readonly state: OperationState;
  readonly texts: PanelTexts;
}): ReactNode {
  const label = useId();
  const isTimed = state.status === "running" && state.estimate?.usual_steps !== undefined;
  const slow = slowSteps(state, useNow(isTimed));
  return (
    <>
      <span id={label} className="mp-hidden">
        {texts.steps}
      </span>
      <ol className="mp-steps" aria-labelledby={label}>
        {state.steps.map((step) => (
          <li
            key={step.id}
            className="mp-step"
            data-status={step.status}
            data-slow={slow.includes(step.id) ? "" : undefined}
            aria-current={step.status === "running" ? "step" : undefined}
          >
            <span className="mp-step-mark" aria-hidden="true">
              {marks[step.status]}
            </span>
            <span className="mp-step-title">{step.title}</span>
            <span className="mp-step-status">
              {step.counter === undefined
                ? texts.step[step.status]
                : texts.counter(step.counter.done, step.counter.total, step.counter.unit)}
              {slow.includes(step.id) && `, ${texts.stepSlow}`}
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}

/** Symbol for each status of a step, so that colour is not the only difference. */
const marks = {
  pending: "○",
  running: "▶",
  done: "✓",
  failed: "✕",
  skipped: "–",
} as const satisfies Record<StepState["status"], string>;
