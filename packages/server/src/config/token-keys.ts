import { readTokenKey } from "../auth/token-key.ts";
import type { TokenOptions } from "../auth/token-verifier.ts";
import { messageOf, type ReadFile } from "./environment.ts";
import type { TokensSetting } from "./token-schema.ts";

/**
 * Returns the options of tokens with the keys read from their files. Adds to `mistakes` every key that cannot be read or
 * used.
 */
export function tokensWithKeys(
  { keys = [], ...rest }: TokensSetting,
  readFile: ReadFile,
  mistakes: string[],
): TokenOptions {
  const read: NonNullable<TokenOptions["keys"]>[number][] = [];
  for (const [at, setting] of keys.entries()) {
    const place = `tokens.keys[${at}]`;
    const { secretFile, publicKeyFile, ...inline } = setting;
    const sources = ["secret", "secretFile", "publicKey", "publicKeyFile"] as const;
    if (sources.filter((source) => setting[source] !== undefined).length !== 1) {
      mistakes.push(`${place}: set exactly one of ${sources.join(", ")}`);
      continue;
    }
    const path = secretFile ?? publicKeyFile;
    let content: object = {};
    if (path !== undefined) {
      try {
        content = { [secretFile === undefined ? "publicKey" : "secret"]: readFile(path).trim() };
      } catch (error) {
        mistakes.push(`${place}: cannot read ${path} (${messageOf(error)})`);
        continue;
      }
    }
    try {
      readTokenKey({ ...inline, ...content });
      read.push({ ...inline, ...content });
    } catch (error) {
      mistakes.push(`${place}: ${messageOf(error)}`);
    }
  }
  return { ...rest, ...(read.length > 0 && { keys: read }) };
}
