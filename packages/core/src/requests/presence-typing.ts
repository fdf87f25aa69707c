import { parseChannelName, readBoolean } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./method-services.ts";

/**
 * Method `presence.typing {channel, typing}`: sets whether the caller, who must be present in the channel, is
 * typing.
 */
export const sayTyping: Method = async ({ presence }, principal, params) => {
  const { channel, typing } = orThrow(
    readInput(params, (fields) => ({
      channel: fields.required("channel", parseChannelName),
      typing: fields.required("typing", readBoolean),
    })),
  );
  await presence.type(principal, channel, typing);
  return { channel, typing };
};
