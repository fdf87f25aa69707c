import type { Publication } from "@milepost/protocol";

const maxEntries = 1_000;
const maxLength = 128 * 1_024;

/** Cuts entries into batches that make frames of a decent size: 1,000 entries, and 128 Ki characters unless one alone has more. */
export function* batchesOf(
  publications: readonly Publication[],
): Generator<readonly Publication[], void, void> {
  let from = 0;
  let length = 0;
  for (let i = 0; i < publications.length; i++) {
    const size = publications[i]?.json.length ?? 0;
    if (i > from && (i - from >= maxEntries || length + size > maxLength)) {
      yield publications.slice(from, i);
      from = i;
      length = 0;
    }
    length += size;
  }
  if (from === 0) {
    if (publications.length > 0) yield publications;
  } else yield publications.slice(from);
}

/** Whether more would not go into one batch anyway. */
export function isFullBatch(entries: number, length: number): boolean {
  return entries >= maxEntries || length >= maxLength;
}
