import type { BuiltInMethods } from "@milepost/model";
import type { NodeContext } from "../node/node-context.ts";
import type { UserPrincipal } from "../rules/principal.ts";
import { endChannel } from "./channels-end.ts";
import { getHistory } from "./history-get.ts";
import { commandOperation } from "./operations-command.ts";
import { getOperation } from "./operations-get.ts";
import { listOperations } from "./operations-list.ts";
import { getPresence } from "./presence-get.ts";
import { sayTyping } from "./presence-typing.ts";

/** Answers one method: the result, or a rejection with the error. */
export type Method = (
  context: NodeContext,
  principal: UserPrincipal,
  params: unknown,
) => Promise<unknown>;

/** The methods a client may request. */
export const methods: Readonly<Record<string, Method>> = {
  "operations.get": getOperation,
  "operations.list": listOperations,
  "operations.command": commandOperation,
  "history.get": getHistory,
  "channels.end": endChannel,
  "presence.get": getPresence,
  "presence.typing": sayTyping,
} satisfies Record<keyof BuiltInMethods, Method>;
