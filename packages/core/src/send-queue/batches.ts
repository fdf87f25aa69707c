import type { Publication } from "@milepost/protocol";

const maxEntries = 1_000;
const maxLength = 128 * 1_024;
const pageEntries = 64;

/** True if the batch that starts at index `from` must end before entry `i`, however short it is. */
type EndsBefore = (i: number, from: number) => boolean;

/**
 * Splits entries into batches that make frames of a moderate size: at most 1,000 entries and 128 Ki characters.
 * A single larger entry is a batch of its own.
 */
export function batchesOf(
  publications: readonly Publication[],
): Generator<readonly Publication[], void, void> {
  return cut(publications, (i, from) => i - from >= maxEntries);
}

/**
 * Splits the entries of a replay at every 64th offset of their channel, and where a batch would exceed 128 Ki
 * characters. So subscribers that start at different positions have most of their batches in common.
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

/** True if a batch of this size is full: 1,000 entries, or 128 Ki characters. */
export function isFullBatch(entries: number, length: number): boolean {
  return entries >= maxEntries || length >= maxLength;
}
