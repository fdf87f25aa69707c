import { bytes, count } from "../words/count.ts";

/** Figure of the result, ready to show. */
export interface Statistic {
  readonly name: string;
  readonly value: string;
}

/** Known figures in the order of their importance. Other numbers follow under their own names. */
const known: Readonly<Record<string, { name: string; say(value: number): string }>> = {
  files: { name: "Files", say: count },
  skipped: { name: "Skipped", say: count },
  terms: { name: "Different words", say: count },
  tokens: { name: "Words", say: count },
  postings: { name: "Places", say: count },
  bytes: { name: "Text read", say: bytes },
  index_bytes: { name: "Index size", say: bytes },
};

function readable(key: string): string {
  const words = key.replaceAll("_", " ");
  return `${words[0]?.toUpperCase() ?? ""}${words.slice(1)}`;
}

/** Returns the figures of a run's result; empty when it has none. */
export function indexStatistics(result: unknown): readonly Statistic[] {
  if (typeof result !== "object" || result === null) return [];
  const figures = Object.entries(result).filter(
    // The readings of the run say how long it took.
    (entry): entry is [string, number] => typeof entry[1] === "number" && entry[0] !== "took_ms",
  );
  const order = Object.keys(known);
  const rank = (key: string) => (key in known ? order.indexOf(key) : order.length);
  return figures
    .sort(([one], [other]) => rank(one) - rank(other))
    .map(([key, value]) => {
      const figure = known[key];
      return figure
        ? { name: figure.name, value: figure.say(value) }
        : { name: readable(key), value: count(value) };
    });
}
