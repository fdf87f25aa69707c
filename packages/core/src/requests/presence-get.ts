import { parseChannelName } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./method-services.ts";

/** `presence.get {channel}`. */
export const getPresence: Method = async ({ presence }, principal, params) => {
  const channel = orThrow(
    readInput(params, (fields) => fields.required("channel", parseChannelName)),
  );
  return presence.list(principal, channel);
};
