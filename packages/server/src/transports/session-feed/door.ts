import { closeVerdict } from "@milepost/protocol";
import type { Door, DoorParts } from "../door.ts";
import { createWebSocketAcceptor } from "../websocket/acceptor.ts";
import { type FeedPlan, isFeedPath, planFeedUpgrade } from "./upgrade-plan.ts";

/** Creates the door of the session feed, at `/ws/progress/{session_id}`. */
export function sessionFeedDoor(parts: DoorParts): Door {
  const { core } = parts;
  const acceptor = createWebSocketAcceptor<FeedPlan>(parts, {
    plan: planFeedUpgrade,
    attach(connection, { session, credential }, verdict) {
      if ("close" in verdict && verdict.close === 4409) {
        connection.close(1008, "Too many connections");
        return;
      }
      // A bad credential gets the feed's own close code. If the gateway could not verify the credential, the
      // close code is the same as at every door.
      if ("close" in verdict && closeVerdict(verdict.close) === "resume") {
        connection.close(verdict.close, verdict.reason);
        return;
      }
      const { principal, reservedId } =
        "principal" in verdict ? verdict : { principal: undefined, reservedId: undefined };
      // In the place of a session's own credential stands the public id of the session from here on.
      const isOwn = credential.kind === "session" && principal?.kind === "user";
      const id = isOwn ? (principal.session ?? session) : session;
      connection.attach(core.connectFeed(connection, id, principal, reservedId));
    },
  });
  return {
    name: "session-feed",
    upgrades: { claims: isFeedPath, accept: acceptor.accept },
    refuse: acceptor.refuse,
    close: acceptor.close,
  };
}
