import { failure, type Parsed, parsed, parseReadableName } from "@milepost/protocol";

/** Reads the channels of a query, each value a list joined by commas; each channel once. */
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
