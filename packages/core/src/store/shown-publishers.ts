import type { LogPolicy, LogSlice, LogSnapshot } from "@milepost/engine";
import { isRecord, type Publication } from "@milepost/protocol";

/**
 * Returns an entry without its publisher where the channel's rule shows none. A log may have the publisher all the same,
 * because the rule has changed since or has not changed yet on another node.
 */
export function shownEntry(entry: Publication, policy: LogPolicy): Publication {
  if (entry.publisher === undefined || policy.showsPublisher === true) return entry;
  const { publisher: _, ...shown } = entry;
  return shown;
}

/** Returns a slice of a log without publishers where the channel's rule shows none. */
export function shownSlice(slice: LogSlice, policy: LogPolicy): LogSlice {
  const { entries } = slice;
  if (policy.showsPublisher === true || entries.every(({ publisher }) => publisher === undefined))
    return slice;
  return { ...slice, entries: entries.map((entry) => shownEntry(entry, policy)) };
}

/** Returns the snapshot of a log without publishers in the messages of a chat where the channel's rule shows none. */
export function shownSnapshot<T extends LogSnapshot | undefined>(look: T, policy: LogPolicy): T {
  const snapshot = look?.snapshot;
  if (policy.showsPublisher === true || snapshot?.projection !== "chat") return look;
  const { state } = snapshot;
  const messages = isRecord(state) && Array.isArray(state.messages) ? state.messages : [];
  if (!messages.some((message) => isRecord(message) && message.publisher !== undefined))
    return look;
  const shown = messages.map(({ publisher: _, ...message }) => message);
  return { ...look, snapshot: { ...snapshot, state: { ...(state as object), messages: shown } } };
}
