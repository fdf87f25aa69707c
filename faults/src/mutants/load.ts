import { mutants } from "./mutants.ts";

type Load = (
  url: string,
  context: unknown,
) => Promise<{ readonly source?: string | ArrayBuffer | Uint8Array }>;

const mutant = mutants.find(({ name }) => name === process.env.FAULTS_MUTANT);

/**
 * Applies the mutant's changes to the files they name, as a loader hook of Node; throws when a change no longer
 * fits.
 */
export async function load(url: string, context: unknown, next: Load) {
  const loaded = await next(url, context);
  const changes = mutant?.changes.filter(({ file }) => url.endsWith(file)) ?? [];
  if (changes.length === 0) return loaded;
  let source = Buffer.from(loaded.source as Uint8Array).toString("utf8");
  for (const { file, find, replace } of changes) {
    if (!source.includes(find))
      throw new Error(
        `the mutant ${mutant?.name} no longer fits ${file}; adapt its change to the built code`,
      );
    source = source.replace(find, replace);
  }
  return { ...loaded, source };
}
