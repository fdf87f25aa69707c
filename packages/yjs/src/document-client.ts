import type { Client } from "@milepost/client";

/** Part of a client that a document needs; a client of `@milepost/client/core` has it too. */
export type DocumentClient = Pick<
  Client,
  "channel" | "clock" | "connect" | "onState" | "publish" | "request" | "state"
>;
