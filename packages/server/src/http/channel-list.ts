import { failure, type Parsed, parsed, parseReadableName } from "@milepost/protocol";

/**
 * Reads channel names from the values of a query parameter, each value a list separated by commas.
 *
 * A channel that is named several times is returned once.
 */
export function readChannelList(values: readonly string[]): Parsed<readonly string[]> {
  const channels = new Set<string>();
  for (const name of values.flatMap((list) => list.split(","))) {
    const channel = parseReadableName(name);
    if (!channel.ok) {
      const { code, message } = channel.failure;
      return { ok: false, failure: failure(code, `query channels: ${message}`) };
    }
    channels.add(channel.value);
  }
  return parsed([...channels]);
}
