import type { Channels } from "../channels/channels.ts";
import type { Operations } from "../operations/operations-api.ts";
import type { Presences } from "../presence/presences.ts";
import type { UserPrincipal } from "../rules/principal.ts";

/** Services of the node that the built-in methods call. */
export interface MethodServices {
  readonly channels: Channels;
  readonly operations: Operations;
  readonly presences: Presences;
}

/** Answers one built-in method: resolves with its result, or rejects with the error to reply. */
export type Method = (
  services: MethodServices,
  principal: UserPrincipal,
  params: unknown,
) => Promise<unknown>;
