import type { CoreLog } from "@milepost/core";
import { type EngineSettings, inspectStore } from "./open-engine.ts";
import { reasonOf } from "./reason.ts";

/**
 * Logs a warning for each setting of the store that weakens a guarantee. Never rejects; does nothing for the
 * in-memory store.
 */
export async function logStoreWarnings(
  settings: Pick<EngineSettings, "redis" | "redisTls">,
  log: CoreLog,
): Promise<void> {
  if (settings.redis === "") return;
  try {
    for (const { warnings } of (await inspectStore(settings)) ?? []) {
      for (const warning of warnings) log.warn({ event: "store.risky_setting" }, warning);
    }
  } catch (error) {
    log.info(
      { event: "store.unchecked", reason: reasonOf(error) },
      "the settings of the store could not be checked",
    );
  }
}
