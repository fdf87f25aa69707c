import type { Publication } from "@milepost/protocol";

const maxEntries = 1_000;
const maxLength = 128 * 1_024;
const pageEntries = 64;

/** Whether a batch of entries `from` on ends before entry `i` however short it is. */
type EndsBefore = (i: number, from: number) => boolean;

/** Cuts entries into batches that make frames of a decent size: 1,000 entries, and 128 Ki characters unless one alone has more. */
export function batchesOf(
  publications: readonly Publication[],
): Generator<readonly Publication[], void, void> {
  return cut(publications, (i, from) => i - from >= maxEntries);
}

/**
 * Cuts entries of a replay at every 64th offset of their channel, and where batches would be too large: so readers who
 * begin at different places have most of their batches in common.
 */
export function pagesOf(
  publications: readonly Publication[],
): Generator<readonly Publication[], void, void> {
  return cut(publications, (i) => (publications[i]?.position.offset ?? 0) % pageEntries === 0);
}

function* cut(
  publications: readonly Publication[],
  endsBefore: EndsBefore,
): Generator<readonly Publication[], void, void> {
  let from = 0;
  let length = 0;
  for (let i = 0; i < publications.length; i++) {
    const size = publications[i]?.json.length ?? 0;
    if (i > from && (endsBefore(i, from) || length + size > maxLength)) {
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
