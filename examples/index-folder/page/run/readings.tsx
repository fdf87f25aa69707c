import "./readings.css";
import { type Counter, isFinal, type OperationState } from "@milepost/model";
import type { CSSProperties } from "react";
import { count } from "../words/count.ts";
import { clock, duration, roughly, timeOfDay } from "../words/duration.ts";
import { activeTime, elapsedTime, remainingTime } from "./active-time.ts";
import type { RunPace } from "./use-run-pace.ts";

interface Props {
  readonly state: OperationState;
  readonly pace: RunPace;
  readonly now: number;
}

function counterOf(state: OperationState) {
  if (isFinal(state.status)) {
    // For the whole run, the counter of the heaviest step says best what most of the work was about.
    const [heaviest] = state.steps
      .filter(({ counter }) => counter)
      .toSorted((one, other) => other.weight - one.weight);
    return state.counter ?? heaviest?.counter;
  }
  const current = state.steps.find(({ id }) => id === state.current_step);
  return (
    current?.counter ?? state.steps.findLast(({ counter }) => counter)?.counter ?? state.counter
  );
}

function remainingWords(state: OperationState, pace: RunPace, now: number): string {
  if (state.status === "paused") return "held";
  if (state.status !== "running") return "–";
  const remaining = remainingTime(state.percent, activeTime(state, now), pace.percentPerSecond);
  return remaining === undefined ? "calculating" : roughly(remaining);
}

function meanRate(
  state: OperationState,
  counter: Counter | undefined,
  now: number,
): number | undefined {
  const active = activeTime(state, now);
  return counter && active ? counter.done / (active / 1000) : undefined;
}

/** Returns a width that has room for `total`, the number that is counted up to. */
function widthOf(total: number | undefined): CSSProperties {
  const digits = String(total ?? 0).length;
  const separators = Math.floor((digits - 1) / 3);
  return { minWidth: `${digits + separators * 0.4}ch` };
}

/** Readings of a run: count, rate, elapsed time and remaining time. */
export function Readings({ state, pace, now }: Props) {
  const counter = counterOf(state);
  const elapsed = elapsedTime(state, now);
  const unit = counter?.unit ?? "items";
  const final = isFinal(state.status);
  const rate = final ? meanRate(state, counter, now) : pace.countPerSecond;
  return (
    <dl className="readings">
      <div>
        <dt>{unit[0]?.toUpperCase() + unit.slice(1)}</dt>
        <dd>
          <span className="readings__number" style={widthOf(counter?.total)}>
            {counter ? count(counter.done) : "–"}
          </span>
          {counter?.total === undefined ? null : (
            <span className="readings__of"> of {count(counter.total)}</span>
          )}
        </dd>
      </div>
      <div>
        <dt>{final ? "Mean rate" : "Rate"}</dt>
        <dd>
          <span className="readings__number" style={{ minWidth: "2ch" }}>
            {rate === undefined ? "–" : count(rate)}
          </span>
          <span className="readings__of"> {unit}/s</span>
        </dd>
      </div>
      <div>
        <dt>{final ? "Took" : "Elapsed"}</dt>
        <dd>{elapsed === undefined ? "–" : final ? duration(elapsed) : clock(elapsed)}</dd>
      </div>
      <div>
        <dt>{final ? "Ended" : "Remaining"}</dt>
        <dd className="readings__words">
          {final ? timeOfDay(state.ended_at ?? state.updated_at) : remainingWords(state, pace, now)}
        </dd>
      </div>
    </dl>
  );
}
