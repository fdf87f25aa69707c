import type { BackendsOptions } from "../backends/backends.ts";
import type { SessionCallbackOptions } from "../backends/session-callback.ts";
import type { BackendSetting, SessionsSetting } from "./backend-schema.ts";
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
  for (const [methods, setting] of Object.entries(settings)) {
    const place = `methods[${JSON.stringify(methods)}]`;
    const backend = withSecret(place, setting, secretOfAll, readFile, mistakes);
    if (backend !== undefined) backends[methods] = backend;
  }
  return backends;
}

/** Returns the backend that validates sessions, with its secret, like {@link backendsWithSecrets}. */
export function callbackWithSecret(
  { callback }: Pick<SessionsSetting, "callback">,
  secretOfAll: string,
  readFile: ReadFile,
  mistakes: string[],
): SessionCallbackOptions | undefined {
  if (callback === undefined) return undefined;
  return withSecret("sessions.callback", callback, secretOfAll, readFile, mistakes);
}

function withSecret<Setting extends BackendSetting>(
  place: string,
  { secret, secretFile, ...rest }: Setting,
  secretOfAll: string,
  readFile: ReadFile,
  mistakes: string[],
): (Omit<Setting, "secret" | "secretFile"> & { readonly secret: string }) | undefined {
  if (secret !== undefined && secretFile !== undefined) {
    mistakes.push(`${place}: secret and secretFile are both set; keep one of them`);
    return undefined;
  }
  let found = secret ?? secretOfAll;
  if (secretFile !== undefined) {
    try {
      found = readFile(secretFile).trim();
    } catch (error) {
      mistakes.push(`${place}.secretFile: cannot read ${secretFile} (${messageOf(error)})`);
      return undefined;
    }
    const [issue] = backendSecret.safeParse(found).error?.issues ?? [];
    if (issue !== undefined) mistakes.push(`${place}.secretFile: its content ${issue.message}`);
  }
  if (found === "") {
    mistakes.push(
      `${place} has no secret; set MILEPOST_METHOD_SECRET (or _FILE), or its secretFile, to the output of: openssl rand -base64 48`,
    );
  }
  return { ...rest, secret: found };
}
