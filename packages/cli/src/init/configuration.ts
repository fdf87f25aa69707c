import { sampleSettings } from "./sample-settings.ts";

/** Settings of a new configuration beside its secrets; absent ones stay comments. */
export type Chosen = Readonly<Record<string, unknown>>;

/** Secrets of a new configuration. */
export interface NewSecrets {
  readonly tokenSecret: string;
  /** Hash of the API key, in the form of the setting `apiKeys`. */
  readonly apiKeyHash: string;
}

/**
 * Returns the text of a file of settings that explains each of them. The secrets and what was chosen count; every other
 * setting is a comment that shows its default or an example, and counts once its two slashes are gone.
 */
export function configurationText(chosen: Chosen, { tokenSecret, apiKeyHash }: NewSecrets): string {
  const set: Chosen = {
    tokenSecret,
    apiKeys: [{ name: "backend", hash: apiKeyHash }],
    ...chosen,
  };
  const lines = [
    "// Settings of a Milepost gateway: milepost serve --config THIS_FILE",
    "//",
    "// This file holds secrets. Keep it readable for the gateway alone (mode 0600), and out of your repository.",
    "// A flag or a variable MILEPOST_… counts more than what stands here. milepost doctor --config THIS_FILE checks it.",
    "// Lines that begin with two slashes are comments. Remove the slashes to change a setting; a last comma may stay.",
    "{",
  ];
  for (const [name, { title, says, sample }] of Object.entries(sampleSettings)) {
    if (title !== undefined) lines.push(`  // ---- ${title} ----`, "");
    for (const line of says) lines.push(`  // ${line}`);
    const isSet = set[name] !== undefined;
    const value = JSON.stringify(isSet ? set[name] : sample);
    lines.push(`  ${isSet ? "" : "// "}${JSON.stringify(name)}: ${spaced(value)},`, "");
  }
  return `${lines.join("\n").trimEnd()}\n}\n`;
}

/** Returns the text of a file of variables for programs that use the gateway, and for the command itself. */
export function backendEnvText(url: string, apiKey: string, tokenSecret: string): string {
  return [
    "# For backends that use the gateway, and for the command: set -a; . ./backend.env; set +a",
    "# The gateway itself does not need this file. It knows the API key by its hash alone.",
    `MILEPOST_URL=${url}`,
    `MILEPOST_API_KEY=${apiKey}`,
    "# Signs the tokens of users. Give it only to the backend that does so.",
    `MILEPOST_TOKEN_SECRET=${tokenSecret}`,
    "",
  ].join("\n");
}

/** Puts a space after each comma and colon outside of quotes, as people write JSON. */
function spaced(json: string): string {
  return json.replaceAll(/"(?:[^"\\]|\\.)*"|[,:]/g, (part) =>
    part.startsWith('"') ? part : `${part} `,
  );
}
