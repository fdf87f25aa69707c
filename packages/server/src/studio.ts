import type { Core, ServicePrincipal } from "@milepost/core";
import type { Random } from "@milepost/engine";
import { createStudioSender, type StudioSender } from "@milepost/model";
import type { HttpServer } from "./http/http-server.ts";
import type { Detach } from "./http/mount.ts";
import type { OriginPolicy } from "./http/origin-policy.ts";
import type { CollapsingLog } from "./runtime/collapsing-log.ts";
import { systemClock } from "./runtime/system-clock.ts";

/** Updates for single people from the program around the gateway, and what it needs to start with them. */
export interface GatewayStudio extends StudioSender {
  /**
   * Attaches the gateway to the program's server and allows pages of `frontendUrl` to connect. Only the origin of the
   * address counts. Throws a TypeError for an address that is no URL of a page.
   */
  initialize(server: HttpServer, frontendUrl?: string): Detach;
  /** Returns how many people are connected to this node: users, guests, and sessions without a user. */
  getConnectedUsersCount(): number;
}

/** Parts of the gateway that {@link studioOf} needs. */
export interface StudioParts {
  readonly core: Pick<Core, "channels" | "connectedPeople">;
  readonly origins: Pick<OriginPolicy, "allow">;
  readonly random: Random;
  readonly log: Pick<CollapsingLog, "warn">;
  readonly attach: (server: HttpServer) => Detach;
}

/** Returns the updates with `principal` as the publisher of each. */
export function studioOf(
  { core, origins, random, log, attach }: StudioParts,
  principal: ServicePrincipal,
): GatewayStudio {
  const sender = createStudioSender({
    publish: (channel, event, data, options) =>
      core.channels.publish(principal, channel, event, data, options),
    newKey: () => random.id(16),
    after: (ms, call) => systemClock.after(ms, call),
    onProblem: (error) =>
      log.warn({ event: "publish.failed", err: error }, "an update for a person was not published"),
  });
  return Object.assign(sender, {
    initialize(server: HttpServer, frontendUrl?: string): Detach {
      if (frontendUrl !== undefined) origins.allow(originOf(frontendUrl));
      return attach(server);
    },
    getConnectedUsersCount: () => core.connectedPeople(),
  });
}

function originOf(url: string): string {
  if (URL.canParse(url)) return new URL(url).origin;
  throw new TypeError(
    `${JSON.stringify(url)} is no address of a page; write it like http://localhost:3000`,
  );
}
