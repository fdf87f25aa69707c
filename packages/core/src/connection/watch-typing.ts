import { showsTyping } from "../presence/presences.ts";
import { TypingWatcher } from "../presence/typing-watcher.ts";
import type { Principal } from "../rules/principal.ts";
import type { ResolvedChannel } from "../rules/rule-book.ts";
import type { ConnectionContext } from "./connection-context.ts";
import type { Subscription } from "./subscription.ts";
import type { SubscriptionOwner } from "./subscription-owner.ts";

/** Lets a bare client that did not ask for presence receive who types in a chat, if it may. */
export function watchTyping(
  subscription: Subscription,
  resolved: ResolvedChannel,
  principal: Principal,
  connection: SubscriptionOwner,
  { channels, presences }: Pick<ConnectionContext, "channels" | "presences">,
): void {
  const isBare = connection.encoder.dialect === "plain" && !subscription.wantsPresence;
  if (!isBare || subscription.presence !== undefined || !showsTyping(resolved)) return;
  if (channels.permits(principal, resolved, "presence", connection.id) !== true) return;
  subscription.presence = presences.watchTyping(resolved, principal, connection);
}

/** Makes the member of a bare client present in a chat, if the client so far only receives who types. */
export function enterToType(
  subscription: Subscription,
  principal: Principal,
  connection: SubscriptionOwner,
  context: Pick<ConnectionContext, "channels" | "presences">,
): void {
  const resolved = context.channels.resolve(subscription.channel);
  if (subscription.presence instanceof TypingWatcher && subscription.presence.isLost) {
    subscription.presence.leave("leaves");
    subscription.presence = undefined;
  }
  watchTyping(subscription, resolved, principal, connection, context);
  const { presence } = subscription;
  if (presence instanceof TypingWatcher) context.presences.enter(resolved, principal, presence);
}
