import { type SettingName, settingNames, settings } from "./settings.ts";
import { closest } from "./suggestion.ts";

/** Configured value, with the place it comes from. */
export interface Given {
  readonly value: unknown;
  /** Name of the place for error messages, for example `MILEPOST_PORT`. */
  readonly source: string;
}

/** Settings read from one source, with the mistakes found in it. */
export interface SourceSettings {
  readonly given: ReadonlyMap<SettingName, Given>;
  readonly mistakes: readonly string[];
}

/** Reads a file as text; throws when the file cannot be read. */
export type ReadFile = (path: string) => string;

const prefix = "MILEPOST_";

/** Variables that belong to commands and tests and are not settings. */
const otherVariables = [
  "MILEPOST_CONFIG",
  "MILEPOST_URL",
  "MILEPOST_TOKEN",
  "MILEPOST_SIGNING_KEY",
  "MILEPOST_SIGNING_KEY_FILE",
  "MILEPOST_CHROMIUM",
  "MILEPOST_HAPROXY",
  "MILEPOST_NGINX",
  "MILEPOST_REDIS_SERVER",
  "MILEPOST_OPENSSL",
  "MILEPOST_PROMTOOL",
  "MILEPOST_PYTHON",
];

/** Variables that Kubernetes sets for a service named milepost. */
const serviceLink = /^MILEPOST_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)$/;

/** Reads the settings from the environment: `MILEPOST_*`, and `MILEPOST_*_FILE` for secrets. */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  readFile: ReadFile,
): SourceSettings {
  const given = new Map<SettingName, Given>();
  const mistakes: string[] = [];
  const known = new Set(otherVariables);

  for (const name of settingNames) {
    const { env: variable, fromText = (text: string) => text, secret } = settings[name];
    if (variable === undefined) continue;
    known.add(variable);
    const text = env[variable];
    if (text !== undefined && text !== "") {
      given.set(name, { value: fromText(text), source: variable });
    }
    if (secret === undefined) continue;
    const fileVariable = `${variable}_FILE`;
    known.add(fileVariable);
    const path = env[fileVariable];
    if (path === undefined || path === "") continue;
    if (given.has(name)) {
      mistakes.push(`${variable} and ${fileVariable} are both set; keep one of them`);
      continue;
    }
    try {
      given.set(name, { value: fromText(readFile(path).trim()), source: fileVariable });
    } catch (error) {
      mistakes.push(`${fileVariable}: cannot read ${path} (${messageOf(error)})`);
    }
  }

  for (const variable of Object.keys(env)) {
    if (!variable.startsWith(prefix) || known.has(variable) || serviceLink.test(variable)) continue;
    const meant = closest(variable, [...known]);
    mistakes.push(
      `${variable} is not a setting${meant === undefined ? "; unset it" : `; did you mean ${meant}?`}`,
    );
  }
  return { given, mistakes };
}

/** Returns the message of an error, for one line of text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
