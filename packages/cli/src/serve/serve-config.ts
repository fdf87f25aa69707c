import { type Config, loadConfig, withKeptSecrets } from "@milepost/server";
import { defaultData } from "../default-data.ts";
import { CommandFailure, exitCodes } from "../exit-codes.ts";
import type { ServeSources } from "./serve-sources.ts";

/** Reads the configuration of a gateway; throws a `ConfigError` with all its mistakes. */
export function readServeConfig(
  { flags, file }: ServeSources,
  env: Readonly<Record<string, string | undefined>>,
): Config {
  return loadConfig({ flags, env, ...(file !== undefined && { file }), defaultData });
}

/** Takes over the secrets of an earlier development start. */
export function withKept(config: Config): Config {
  try {
    return withKeptSecrets(config);
  } catch (error) {
    throw new CommandFailure((error as Error).message, exitCodes.config, { cause: error });
  }
}
