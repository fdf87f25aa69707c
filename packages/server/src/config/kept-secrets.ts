import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isRecord } from "@milepost/protocol";
import type { Config } from "./load-config.ts";

const fileName = "dev-secrets.json";

/**
 * Returns the configuration with the secrets that an earlier development start made up, so that tokens and keys outlive a
 * restart as the data do. They are in the folder of the data, in a file that its owner alone can read. Without such a folder
 * the configuration stays as it is.
 *
 * Throws an error with one line when the folder cannot be written.
 */
export function withKeptSecrets(config: Config): Config {
  if (config.data === "" || config.madeUp.length === 0) return config;
  const file = join(config.data, fileName);
  const kept = readSecrets(file);
  const [made] = config.apiKeys;
  const secrets = {
    tokenSecret: kept.tokenSecret ?? (isMadeUp("tokenSecret") ? config.tokenSecret : undefined),
    apiKey: kept.apiKey ?? (isMadeUp("apiKeys") ? made?.key : undefined),
  };
  try {
    mkdirSync(config.data, { recursive: true, mode: 0o700 });
    writeFileSync(file, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  } catch (error) {
    throw new Error(
      `the data folder ${config.data} cannot be written (${(error as Error).message}); choose another with --data DIR, or keep nothing with --memory`,
      { cause: error },
    );
  }
  return {
    ...config,
    ...(isMadeUp("tokenSecret") &&
      secrets.tokenSecret !== undefined && { tokenSecret: secrets.tokenSecret }),
    ...(isMadeUp("apiKeys") &&
      secrets.apiKey !== undefined && { apiKeys: [{ name: "dev", key: secrets.apiKey }] }),
  };

  function isMadeUp(name: "tokenSecret" | "apiKeys"): boolean {
    return config.madeUp.includes(name);
  }
}

function readSecrets(file: string): { readonly tokenSecret?: string; readonly apiKey?: string } {
  try {
    const read: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (!isRecord(read)) return {};
    const { tokenSecret, apiKey } = read;
    return {
      ...(typeof tokenSecret === "string" && { tokenSecret }),
      ...(typeof apiKey === "string" && { apiKey }),
    };
  } catch {
    // There is no such file at the first start; a damaged one is written anew.
    return {};
  }
}
