import type { Seen, SeenPosition } from "../ports/inbox.ts";

/**
 * Returns what a user has seen by both. In one epoch of a channel the higher offset counts, of two epochs the one that was
 * taken later. At most `max` channels stay, those that were taken last.
 */
export function mergeSeen(before: Seen, after: Seen, max: number): Seen {
  const positions = new Map<string, SeenPosition>();
  for (const position of [...before.positions, ...after.positions]) {
    const known = positions.get(position.channel);
    if (known === undefined || isFurther(position, known))
      positions.set(position.channel, position);
  }
  const kept = [...positions.values()].toSorted((a, b) => b.at - a.at).slice(0, max);
  const at = Math.max(before.at ?? 0, after.at ?? 0);
  return { ...(at > 0 && { at }), positions: kept };
}

function isFurther(position: SeenPosition, known: SeenPosition): boolean {
  return position.epoch === known.epoch ? position.offset > known.offset : position.at > known.at;
}
