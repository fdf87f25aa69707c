import type { OperationState } from "@milepost/model";
import { useEffect, useState } from "react";
import { type Pace, perSecond, withSample } from "./pace.ts";

/** How fast a run goes lately; undefined while too little is known. */
export interface RunPace {
  readonly countPerSecond: number | undefined;
  readonly percentPerSecond: number | undefined;
}

interface Samples {
  /** What the samples are of; other work starts them anew. */
  readonly of: string;
  readonly counts: Pace;
  readonly percents: Pace;
}

const none: Samples = { of: "", counts: [], percents: [] };

/** Follows the run's counter and percentage and tells their recent rates, by the log's own times. */
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
