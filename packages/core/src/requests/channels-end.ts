import { compact, parseChannelName, textOf } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./method-services.ts";

/** Method `channels.end {channel, reason?}`: ends a channel. */
export const endChannel: Method = async ({ channels }, principal, params) => {
  const { channel, reason } = orThrow(
    readInput(params, (fields) =>
      compact({
        channel: fields.required("channel", parseChannelName),
        reason: fields.optional("reason", textOf(1_024)),
      }),
    ),
  );
  return channels.end(principal, channel, reason);
};
