import { isRecord } from "@milepost/protocol";
import { type Given, messageOf, type ReadFile, type SourceSettings } from "./environment.ts";
import { withoutComments } from "./json-comments.ts";
import { jsonFaultIn } from "./json-fault.ts";
import { type SettingName, settingNames } from "./settings.ts";
import { closest } from "./suggestion.ts";

/** Reads the settings from a JSON file, which may have comments. */
export function readConfigFile(path: string, readFile: ReadFile): SourceSettings {
  const nothing = (mistake: string) => ({ given: new Map(), mistakes: [mistake] });
  let text: string;
  try {
    // Some editors begin a file with a byte order mark.
    text = withoutComments(readFile(path).replace(/^\ufeff/, ""));
  } catch (error) {
    return nothing(`${path}: cannot be read (${messageOf(error)})`);
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    const { line, column } = jsonFaultIn(text) ?? { line: 1, column: 1 };
    return nothing(`${path}: is not valid JSON at line ${line}, column ${column}`);
  }
  if (!isRecord(content)) return nothing(`${path}: must be a JSON object of settings`);

  const given = new Map<SettingName, Given>();
  const mistakes: string[] = [];
  for (const [name, value] of Object.entries(content)) {
    if (name === "$schema") continue;
    if (isSettingName(name)) {
      given.set(name, { value, source: `${name} in ${path}` });
      continue;
    }
    const meant = closest(name, settingNames);
    mistakes.push(
      `${path}: ${JSON.stringify(name)} is not a setting${meant === undefined ? `; there are ${settingNames.join(", ")}` : `; did you mean ${meant}?`}`,
    );
  }
  return { given, mistakes };
}

function isSettingName(name: string): name is SettingName {
  return (settingNames as readonly string[]).includes(name);
}
