import { type SettingName, settingNames, settings } from "./settings.ts";
import { closest } from "./suggestion.ts";

/** A value that was given, and where. */
export interface Given {
  readonly value: unknown;
  /** For messages: `MILEPOST_PORT`. */
  readonly source: string;
}

/** What a source of settings holds. */
export interface SourceSettings {
  readonly given: ReadonlyMap<SettingName, Given>;
  readonly mistakes: readonly string[];
}

/** Reads a file as text; throws when it cannot. */
export type ReadFile = (path: string) => string;

const prefix = "MILEPOST_";

/** Variables of the commands and of the tests, which are no settings. */
const otherVariables = [
  "MILEPOST_CONFIG",
  "MILEPOST_URL",
  "MILEPOST_TOKEN",
  "MILEPOST_CHROMIUM",
  "MILEPOST_REDIS_SERVER",
];

/** What Kubernetes sets for a service that is called milepost. */
const serviceLink = /^MILEPOST_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)$/;

/** Reads the settings in the environment: `MILEPOST_*`, and for secrets `MILEPOST_*_FILE`. */
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
      `${variable} is no setting${meant === undefined ? "; unset it" : `; did you mean ${meant}?`}`,
    );
  }
  return { given, mistakes };
}

/** An error's message, for a line of text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
