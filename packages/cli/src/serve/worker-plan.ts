import type { Config } from "@milepost/server";
import type { LogLevel } from "@milepost/server/supervisor";
import type { DevelopmentSecrets } from "./development-hints.ts";

/** Part of the configuration that a supervisor needs. */
export interface WorkerPlan {
  readonly workers: number;
  readonly drainMs: number;
  readonly logLevel: LogLevel;
  readonly host: string;
  readonly isTls: boolean;
  /** Secrets of a development start, which the supervisor prints, and passes on if they were made up; absent otherwise. */
  readonly dev?: DevelopmentSecrets;
}

/** Returns the part of a configuration that a supervisor needs. */
export function workerPlanOf(config: Config): WorkerPlan {
  const { workers, drainMs, logLevel, host, tlsCert } = config;
  const plan = { workers, drainMs, logLevel, host, isTls: tlsCert !== "" };
  return config.dev ? { ...plan, dev: developmentSecretsOf(config) } : plan;
}

/** Returns the secrets of a development start, as its lines print them. */
export function developmentSecretsOf(config: Config): DevelopmentSecrets {
  const { tokenSecret, apiKeys, madeUp, data } = config;
  return { tokenSecret, apiKey: apiKeys[0]?.key, areMadeUp: madeUp.length > 0, keptIn: data };
}
