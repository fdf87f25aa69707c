import { mutants } from "./mutants.ts";

type Load = (
  url: string,
  context: unknown,
) => Promise<{ readonly source?: string | ArrayBuffer | Uint8Array }>;

const mutant = mutants.find(({ name }) => name === process.env.FAULTS_MUTANT);

/** A loader hook of Node: puts the mutant's changes into the files it names; throws where they do not fit any more. */
export async function load(url: string, context: unknown, next: Load) {
  const loaded = await next(url, context);
  const changes = mutant?.changes.filter(({ file }) => url.endsWith(file)) ?? [];
  if (changes.length === 0) return loaded;
  let source = Buffer.from(loaded.source as Uint8Array).toString("utf8");
  for (const { file, find, replace } of changes) {
    if (!source.includes(find)) throw new Error(`${mutant?.name} does not fit ${file} any more`);
    source = source.replace(find, replace);
  }
  return { ...loaded, source };
}
