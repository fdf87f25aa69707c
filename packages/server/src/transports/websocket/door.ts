import type { ConnectOptions, Principal } from "@milepost/core";
import type { Door, DoorParts } from "../door.ts";
import { createWebSocketAcceptor } from "./acceptor.ts";
import { planUpgrade, type UpgradePlan } from "./upgrade-plan.ts";

/**
 * Creates the WebSocket door, at `/ws` and `/ws/{resource}/{id}`. The door also claims every other path below
 * `/ws`, and refuses it.
 */
export function webSocketDoor(parts: DoorParts): Door {
  const { core, clock, sockets } = parts;
  const acceptor = createWebSocketAcceptor<UpgradePlan>(parts, {
    plan: planUpgrade,
    attach(connection, plan, verdict) {
      if ("close" in verdict) {
        if (verdict.refusal !== undefined) {
          const timestamp = new Date(clock.now()).toISOString();
          const dated = connection.encoder.dialect === "plain" ? { timestamp } : {};
          const reply = { type: "reply", id: null, error: verdict.refusal, ...dated } as const;
          connection.write(connection.encoder.encodeMessage(reply));
        }
        connection.close(verdict.close, verdict.reason);
        return;
      }
      const { principal, reservedId } = verdict;
      if (principal === undefined) connection.restrain(sockets);
      const options = connectOptions(plan, principal);
      connection.attach(
        core.connect(connection, {
          ...options,
          ...(reservedId !== undefined && { reservedId }),
        }),
      );
    },
  });
  return {
    name: "websocket",
    upgrades: {
      claims: (path) => path === "/ws" || path.startsWith("/ws/"),
      accept: acceptor.accept,
    },
    refuse: acceptor.refuse,
    close: acceptor.close,
  };
}

function connectOptions(plan: UpgradePlan, principal: Principal | undefined): ConnectOptions {
  return {
    ...(principal !== undefined && { principal }),
    ...(plan.connectionId !== undefined && { connectionId: plan.connectionId }),
    ...(plan.resume !== undefined && { resume: plan.resume }),
    ...(plan.upgrades === true && { upgrades: true }),
    ...(plan.resumeAfter !== undefined && { resumeAfter: plan.resumeAfter }),
    ...(plan.personal !== undefined && { personal: plan.personal }),
    channels: plan.channels,
  };
}
