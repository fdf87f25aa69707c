/**
 * Error with every mistake in a configuration, each with its fix. The gateway does not start while there is
 * one.
 */
export class ConfigError extends Error {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    const many = mistakes.length === 1 ? "a mistake" : `${mistakes.length} mistakes`;
    super(`The configuration has ${many}:\n${mistakes.map((line) => `  - ${line}`).join("\n")}`);
    this.name = "ConfigError";
    this.mistakes = mistakes;
  }
}
