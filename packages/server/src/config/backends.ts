import type { BackendsOptions } from "../backends/backends.ts";
import type { BackendSetting } from "./backend-schema.ts";
import { backendSecret } from "./backend-schema.ts";
import { messageOf, type ReadFile } from "./environment.ts";

/**
 * Returns the backends, each with its secret: the inline secret, the content of its secret file, or the shared
 * one. A missing or unreadable secret is added to `mistakes`.
 */
export function backendsWithSecrets(
  settings: Readonly<Record<string, BackendSetting>>,
  secretOfAll: string,
  readFile: ReadFile,
  mistakes: string[],
): BackendsOptions {
  const backends: Record<string, BackendsOptions[string]> = {};
  for (const [methods, { secret, secretFile, ...rest }] of Object.entries(settings)) {
    const place = `methods[${JSON.stringify(methods)}]`;
    if (secret !== undefined && secretFile !== undefined) {
      mistakes.push(`${place}: secret and secretFile are both set; keep one of them`);
      continue;
    }
    let found = secret ?? secretOfAll;
    if (secretFile !== undefined) {
      try {
        found = readFile(secretFile).trim();
      } catch (error) {
        mistakes.push(`${place}.secretFile: cannot read ${secretFile} (${messageOf(error)})`);
        continue;
      }
      const [issue] = backendSecret.safeParse(found).error?.issues ?? [];
      if (issue !== undefined) mistakes.push(`${place}.secretFile: its content ${issue.message}`);
    }
    if (found === "") {
      mistakes.push(
        `${place} has no secret; set MILEPOST_METHOD_SECRET (or _FILE), or its secretFile, to the output of: openssl rand -base64 48`,
      );
    }
    backends[methods] = { ...rest, secret: found };
  }
  return backends;
}
