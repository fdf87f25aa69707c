/** Secrets of a development start, which its lines print. */
export interface DevelopmentSecrets {
  readonly tokenSecret: string;
  /** The first API key; undefined where only its hash is known. */
  readonly apiKey: string | undefined;
  /** True if secrets were made up because none were set. */
  readonly areMadeUp: boolean;
  /** Folder in which made-up secrets are kept; empty for none. */
  readonly keptIn: string;
}

/** Returns the lines that a development start prints: how to use the gateway at `url`. */
export function developmentHints(
  { tokenSecret, apiKey, areMadeUp, keptIn }: DevelopmentSecrets,
  url: string,
): readonly string[] {
  const made =
    keptIn !== "" ? ` Its secrets are kept in ${keptIn}.` : " Each start generates new secrets.";
  return [
    "",
    `Milepost runs for development on ${url}.${areMadeUp ? made : ""} In another terminal:`,
    "",
    `  export MILEPOST_URL=${url}`,
    ...(apiKey === undefined ? [] : [`  export MILEPOST_API_KEY=${apiKey}`]),
    `  export MILEPOST_TOKEN_SECRET=${tokenSecret}`,
    "",
    "  npx milepost tail chat:42 &",
    `  npx milepost publish chat:42 message '{"text": "hello"}'`,
    "  npx milepost token --user 7 --session s1",
    "",
  ];
}
