import { parseChannelName, readBoolean } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./methods.ts";

/** `presence.typing {channel, typing}`: for who is present. */
export const sayTyping: Method = async ({ channels, presences }, principal, params) => {
  const { channel, typing } = orThrow(
    readInput(params, (fields) => ({
      channel: fields.required("channel", parseChannelName),
      typing: fields.required("typing", readBoolean),
    })),
  );
  const ruled = channels.ruled(channel);
  await channels.authorise(principal, ruled, "subscribe");
  await presences.type(ruled, principal, typing);
  return { channel, typing };
};
