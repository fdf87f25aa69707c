import type { ChannelLog, LogPolicy, NewEntry } from "../../index.ts";

export const hourMs = 3_600_000;
export const channel = "contract:log";

export const policy: LogPolicy = { maxEntries: 100, maxAgeMs: hourMs, dedupeMs: 600_000 };
export const latest: LogPolicy = { ...policy, projection: "latest" };

export function entry(n: unknown, rest: Partial<NewEntry> = {}): NewEntry {
  return { event: "n", json: JSON.stringify(n), publisher: "somebody", ...rest };
}

export async function append(log: ChannelLog, count: number, used = policy): Promise<void> {
  for (let n = 1; n <= count; n++) await log.append(channel, entry(n), used);
}

export function offsets(
  entries: readonly { readonly position: { readonly offset: number } }[],
): number[] {
  return entries.map(({ position }) => position.offset);
}
