/**
 * Returns the name of the roll-up's log for the prefix of a channel's first `segments` segments. Example:
 * `collection:42:*` for the channel `collection:42:doc:7` and two segments.
 */
export function rollUpName(channel: string, segments: number): string {
  let end = -1;
  for (let i = 0; i < segments; i++) {
    end = channel.indexOf(":", end + 1);
    if (end < 0) return `${channel}:*`;
  }
  return `${channel.slice(0, end)}:*`;
}
