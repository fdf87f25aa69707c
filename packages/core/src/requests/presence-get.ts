import { parseChannelName } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./method-services.ts";

/** Method `presence.get {channel}`: lists who is present in a channel. */
export const getPresence: Method = async ({ presence }, principal, params) => {
  const channel = orThrow(
    readInput(params, (fields) => fields.required("channel", parseChannelName)),
  );
  return presence.list(principal, channel);
};
