import { isRecord, parsePosition } from "@milepost/protocol";
import type { ChannelSlice } from "./milepost-state.ts";

/** Fields of a slice that are worth keeping over a reload. */
const kept = ["position", "projection", "state", "events"] as const;

/** Returns the channels as a storage keeps them: those with a position, without what a reload makes wrong. */
export function slicesToStore(
  channels: Readonly<Record<string, ChannelSlice>>,
): Readonly<Record<string, Partial<ChannelSlice>>> {
  const stored: Record<string, Partial<ChannelSlice>> = {};
  for (const [name, slice] of Object.entries(channels)) {
    if (slice.position === undefined) continue;
    stored[name] = Object.fromEntries(
      kept.flatMap((field) => (slice[field] === undefined ? [] : [[field, slice[field]]])),
    );
  }
  return stored;
}

/**
 * Reads channels that a storage held. Another version or anything else may have written them, so a channel without a
 * valid position and a list of events is left out.
 */
export function slicesIn(value: unknown): Readonly<Record<string, ChannelSlice>> {
  const slices: Record<string, ChannelSlice> = {};
  if (!isRecord(value)) return slices;
  for (const [name, slice] of Object.entries(value)) {
    if (name === "__proto__" || !isRecord(slice)) continue;
    const { position, projection, state, events } = slice;
    if (!parsePosition(position).ok || !Array.isArray(events) || !events.every(isRecord)) continue;
    slices[name] = {
      status: "idle",
      position: position as string,
      events: events as unknown as ChannelSlice["events"],
      ...(typeof projection === "string" ? { projection } : {}),
      ...(state === undefined || state === null ? {} : { state }),
    };
  }
  return slices;
}
