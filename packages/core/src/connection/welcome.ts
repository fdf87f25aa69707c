import { protocolVersion, type ServerMessage } from "@milepost/protocol";
import { encodedChannels, type Principal, personOf } from "../rules/principal.ts";
import type { CoreLimits } from "../runtime/limits.ts";

/** Facts about the node that its welcome names. */
export interface WelcomingNode {
  readonly node: string;
  readonly limits: CoreLimits;
  readonly outage: { readonly isOn: boolean };
}

/** Returns the first message of an accepted connection. */
export function welcomeOf(
  id: string,
  principal: Principal,
  { node, limits, outage }: WelcomingNode,
): ServerMessage {
  const person = personOf(principal);
  const { guestToken } = person;
  return {
    type: "welcome",
    connection_id: id,
    session_id: person.session ?? null,
    user_id: person.user ?? null,
    ...encodedChannels(person),
    ...(person.guest === undefined ? {} : { guest_id: person.guest }),
    ...(guestToken === undefined ? {} : { guest_token: guestToken }),
    node,
    version: protocolVersion,
    ping_interval_ms: limits.pingIntervalMs,
    limits: {
      max_message_bytes: limits.maxMessageBytes,
      max_subscriptions: limits.maxSubscriptions,
    },
    expires_at: principal.expiresAt ?? null,
    ...(outage.isOn ? { degraded: true } : {}),
  };
}
