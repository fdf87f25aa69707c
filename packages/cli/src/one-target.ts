import { CommandFailure, exitCodes } from "./exit-codes.ts";

/**
 * Throws unless exactly one of several options was given. Otherwise a forgotten option could select more than
 * the user intended.
 */
export function mustNameOne(options: Readonly<Record<string, string | undefined>>): void {
  const given = Object.values(options).filter((value) => value !== undefined);
  if (given.length === 1) return;
  const names = Object.keys(options).map((name) => `--${name}`);
  throw new CommandFailure(
    `name one of ${names.slice(0, -1).join(", ")} or ${names.at(-1)}${given.length > 1 ? `, not ${given.length}` : ""}`,
    exitCodes.usage,
  );
}
