import type { Profiler } from "node:inspector";

/** A function and the share of the samples that were taken in it itself. */
export interface HotSpot {
  readonly share: number;
  readonly function: string;
  /** File and line, with the folders above the package cut off. */
  readonly place: string;
}

/** Waiting, and the profiler's own start and end. */
const notWork: ReadonlySet<string> = new Set(["(idle)\t", "(root)\t", "dispatch\t"]);

/** The functions in which most of a profile's working time went; idling and profiling do not count. */
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
