import { writeSync } from "node:fs";
import { changedLine, mutantOf } from "./mutants.ts";

/** Descriptor of the process's standard output. */
const stdout = 1;

type Load = (
  url: string,
  context: unknown,
) => Promise<{ readonly source?: string | ArrayBuffer | Uint8Array }>;

const { name, changes: allChanges } = mutantOf(process.env.FAULTS_MUTANT);

/**
 * Applies the mutant's changes to the files they name, as a loader hook of Node, and prints a line for each
 * file; throws when a change no longer fits.
 */
export async function load(url: string, context: unknown, next: Load) {
  const loaded = await next(url, context);
  const changes = allChanges.filter(({ file }) => url.endsWith(file));
  if (changes.length === 0) return loaded;
  let source = Buffer.from(loaded.source as Uint8Array).toString("utf8");
  for (const { file, find, replace } of changes) {
    if (!source.includes(find))
      throw new Error(
        `the mutant ${name} no longer fits ${file}; adapt its change to the built code`,
      );
    source = source.replace(find, replace);
    // Hooks run in a thread of their own, whose usual output may come later than that of the process.
    writeSync(stdout, `${changedLine(name, file)}\n`);
  }
  return { ...loaded, source };
}
