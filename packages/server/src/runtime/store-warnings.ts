import type { CoreLog } from "@milepost/core";
import { type EngineSettings, inspectStore } from "./open-engine.ts";
import { reasonOf } from "./reason.ts";

/** Asks the store what it is set to, and logs what of it weakens a promise; never rejects, and asks nothing where there is none. */
export async function logStoreWarnings(
  settings: Pick<EngineSettings, "redis">,
  log: CoreLog,
): Promise<void> {
  try {
    for (const { warnings } of (await inspectStore(settings)) ?? []) {
      for (const warning of warnings) log.warn({}, warning);
    }
  } catch (error) {
    log.info({ reason: reasonOf(error) }, "the store could not be asked what it is set to");
  }
}
