import { ConfigError } from "@milepost/server";
import { CommandFailure } from "../exit-codes.ts";
import type { PlanAnswer } from "./read-worker-plan.ts";
import { readServeConfig, withKept } from "./serve-config.ts";
import type { ServeSources } from "./serve-sources.ts";
import { workerPlanOf } from "./worker-plan.ts";

process.once("message", (sources: ServeSources) => {
  // The channel would keep the process alive.
  process.send?.(answer(sources), () => process.disconnect());
});

function answer(sources: ServeSources): PlanAnswer {
  try {
    return { plan: workerPlanOf(withKept(readServeConfig(sources, process.env))) };
  } catch (error) {
    if (error instanceof ConfigError) return { mistakes: error.mistakes };
    if (error instanceof CommandFailure) {
      return { failure: error.message, exitCode: error.exitCode };
    }
    throw error;
  }
}
