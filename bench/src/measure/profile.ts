import type { Profiler } from "node:inspector";

/** Function of a profile and the share of samples that were taken in the function itself. */
export interface HotSpot {
  readonly share: number;
  readonly function: string;
  /** File and line, without the folders above the package. */
  readonly place: string;
}

/** Returns the line of a report that shows a hot spot of a server. */
export function lineOf(server: string, { share, function: name, place }: HotSpot): string {
  return `${server} ${(share * 100).toFixed(1).padStart(5)} %  ${name}  ${place}`;
}

/** Entries of a profile that are not work: idle time, and the start and end of the profiler itself. */
const notWork: ReadonlySet<string> = new Set(["(idle)\t", "(root)\t", "dispatch\t"]);

/**
 * Returns the functions with the most self time in a profile, `most` at most; idle time and the profiler do not
 * count.
 */
export function describeProfile(profile: Profiler.Profile, most = 25): readonly HotSpot[] {
  const names = new Map<number, string>();
  for (const { id, callFrame } of profile.nodes) {
    const { functionName, url, lineNumber } = callFrame;
    const file = url.split("/").slice(-3).join("/");
    names.set(
      id,
      `${functionName || "(anonymous)"}\t${file === "" ? "" : `${file}:${lineNumber + 1}`}`,
    );
  }
  const selfUs = new Map<string, number>();
  let totalUs = 0;
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const name = names.get(id) ?? "?\t";
    if (notWork.has(name)) continue;
    const us = profile.timeDeltas?.[index] ?? 0;
    selfUs.set(name, (selfUs.get(name) ?? 0) + us);
    totalUs += us;
  }
  return [...selfUs]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, most)
    .map(([name, us]) => {
      const [functionName = "", place = ""] = name.split("\t");
      return { share: us / totalUs, function: functionName, place };
    });
}
