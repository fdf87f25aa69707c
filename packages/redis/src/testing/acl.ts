import { readFileSync } from "node:fs";

/** Name and password of the Redis user as whom the tests connect, and operators should. */
export const aclUser = { name: "milepost", password: "password-of-the-test-user" } as const;

/** Returns the words of the documented user, as the file `users.acl` has them after the user's name. */
export function aclWords(): readonly string[] {
  const file = readFileSync(new URL("../../users.acl", import.meta.url), "utf8");
  const [line = "", ...others] = file.trim().split("\n");
  const [keyword, name, ...words] = line.split(" ");
  if (keyword !== "user" || name !== aclUser.name || others.length > 0)
    throw new Error("users.acl must have one line, which begins with: user milepost");
  return words;
}

/**
 * Returns what a deployment adds for a source, which reads the streams whose keys match `streams`: two selectors, of
 * which each allows some commands on some keys.
 */
export function sourceSelectors(streams: string): readonly string[] {
  const reading =
    "+xgroup|create +xgroup|delconsumer +xreadgroup +xautoclaim +xack +xpending +xdel";
  return [`(~${streams} ${reading})`, "(~milepost:source:* +eval +set +get +pexpire +del)"];
}

/**
 * Returns the options by which redis-server knows the documented user, with the password of the tests. The user may
 * also read the streams of the tests, whose keys begin with `publications`.
 */
export function aclOptions(): readonly string[] {
  const words = aclWords().filter((word) => !word.startsWith(">"));
  return [
    "--user",
    aclUser.name,
    ...words,
    ...sourceSelectors("publications*").flatMap((selector) => selector.split(" ")),
    `>${aclUser.password}`,
  ];
}
