import type { Tracer } from "@milepost/core";
import { ConfigError } from "../config/config-error.ts";

/** Loads the tracer of OpenTelemetry. Rejects with a ConfigError that says what to install where its API is absent. */
export async function loadTracer(): Promise<Tracer> {
  try {
    // Nobody else loads it, so that a gateway without traces needs no package for them.
    const { openTelemetryTracer } = await import("../opentelemetry.ts");
    return openTelemetryTracer();
  } catch (error) {
    if (!isAbsent(error)) throw error;
    throw new ConfigError([
      "tracing: the package @opentelemetry/api is not installed; install it with an OpenTelemetry SDK, or set tracing to false",
    ]);
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
}
