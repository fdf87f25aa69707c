import type { OperationState } from "@milepost/model";
import { useEffect, useState } from "react";
import { type Pace, perSecond, withSample } from "./pace.ts";

/** Recent rates of a run; each is undefined while too little is known. */
export interface RunPace {
  readonly countPerSecond: number | undefined;
  readonly percentPerSecond: number | undefined;
}

interface Samples {
  /** Run, attempt and step that the counter's samples belong to; another step starts new samples. */
  readonly of: string;
  readonly counts: Pace;
  readonly percents: Pace;
}

const none: Samples = { of: "", counts: [], percents: [] };

/** Returns the recent rates of the run's counter and percentage, measured by the times in the log. */
export function useRunPace(state: OperationState): RunPace {
  const [samples, setSamples] = useState(none);
  const { percent, updated_at: at, status } = state;
  const counter = state.steps.find(({ id }) => id === state.current_step)?.counter ?? state.counter;
  const counted = counter?.done;
  const step = `${state.id}/${state.attempt}/${state.current_step ?? ""}`;

  useEffect(() => {
    if (status !== "running") {
      setSamples(none);
      return;
    }
    setSamples((last) => ({
      of: step,
      counts:
        counted === undefined
          ? []
          : withSample(last.of === step ? last.counts : [], { at, value: counted }),
      percents: withSample(last.percents, { at, value: percent }, 15_000),
    }));
  }, [status, step, at, counted, percent]);

  return {
    countPerSecond: perSecond(samples.counts),
    percentPerSecond: perSecond(samples.percents, 3_000),
  };
}
