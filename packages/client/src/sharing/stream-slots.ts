import type { HeldLock, Tabs } from "./tabs.ts";

/**
 * Maximum number of HTTP responses that all tabs of an origin hold open at one gateway. A browser has six
 * connections to a host over HTTP/1.1; the others stay free for calls.
 */
export const maxStreams = 3;

/** Takes one of the slots for a held response at the gateway; undefined when all are taken. */
export async function takeSlot({ locks }: Tabs, { host }: URL): Promise<HeldLock | undefined> {
  for (let slot = 1; slot <= maxStreams; slot++) {
    const lock = await locks.tryTake(`milepost:${host}:stream:${slot}`);
    if (lock !== undefined) return lock;
  }
  return undefined;
}
