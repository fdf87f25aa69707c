import { compact, integerIn, parseReadableName, readSince } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./method-services.ts";

/** Method `history.get {channel, since?, limit?}`: reads entries of a channel. */
export const getHistory: Method = async ({ channels }, principal, params) => {
  const { channel, ...options } = orThrow(
    readInput(params, (fields) =>
      compact({
        channel: fields.required("channel", parseReadableName),
        since: fields.optional("since", readSince),
        limit: fields.optional("limit", integerIn(1, 1_000)),
      }),
    ),
  );
  return channels.history(principal, channel, { ...options, form: "text" });
};
