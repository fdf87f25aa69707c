import type { Client } from "@milepost/client";

/** What a document needs of a client; a client of `@milepost/client/core` has it too. */
export type DocumentClient = Pick<
  Client,
  "channel" | "clock" | "connect" | "onState" | "publish" | "request" | "state"
>;
