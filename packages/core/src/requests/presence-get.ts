import { parseChannelName } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./method-services.ts";

/** `presence.get {channel}`. */
export const getPresence: Method = async ({ channels, presences }, principal, params) => {
  const channel = orThrow(
    readInput(params, (fields) => fields.required("channel", parseChannelName)),
  );
  const resolved = channels.resolve(channel);
  await channels.authorise(principal, resolved, "subscribe");
  return { channel, ...(await presences.list(resolved)) };
};
