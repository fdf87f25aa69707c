import { parseChannelName } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./methods.ts";

/** `presence.get {channel}`. */
export const getPresence: Method = async ({ channels, presences }, principal, params) => {
  const channel = orThrow(
    readInput(params, (fields) => fields.required("channel", parseChannelName)),
  );
  const ruled = channels.ruled(channel);
  await channels.authorise(principal, ruled, "subscribe");
  return { channel, ...(await presences.list(ruled)) };
};
