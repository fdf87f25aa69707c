/**
 * Room of a worker for new objects, in MiB: half of Node's default. Each worker keeps twice as much in memory once it was
 * busy.
 */
const semiSpaceMb = 8;

/** Returns the flags that workers run with: those of this process, and the room for new objects unless a flag sets it. */
export function workerFlags(own: readonly string[], nodeOptions = ""): string[] {
  const isSet = /(?:^|\s)--(?:max|min)[-_]semi[-_]space[-_]size\b/.test(
    `${own.join(" ")} ${nodeOptions}`,
  );
  return isSet ? [...own] : [...own, `--max-semi-space-size=${semiSpaceMb}`];
}
