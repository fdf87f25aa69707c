import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Core, CoreLog } from "@milepost/core";
import type { Clock, Random } from "@milepost/engine";
import type { ClientSockets } from "../admission/client-sockets.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Guests } from "../auth/guests.ts";
import type { Endpoint } from "../http/endpoint.ts";
import type { OriginPolicy } from "../http/origin-policy.ts";

/** Parts and settings of the gateway that its doors use. */
export interface DoorParts {
  readonly core: Core;
  /** Returns the service of an API key; undefined for any other text. */
  readonly identify: Authenticator["identify"];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: CoreLog;
  readonly origins: OriginPolicy;
  readonly sockets: ClientSockets;
  /** Guests of the deployment; undefined where none are admitted. */
  readonly guests: Guests | undefined;
  /** True if a client may pass its token as `?token=`. */
  readonly tokenInQuery: boolean;
  /** True if WebSocket messages are compressed for clients that offer it. */
  readonly compression: boolean;
  /** Maximum lifetime of one SSE stream, in milliseconds. */
  readonly sseMaxLifetimeMs: number;
}

/** Creates a door of one gateway. */
export type DoorFactory = (parts: DoorParts) => Door;

/**
 * HTTP endpoint of a door. It is below `/v1/`, so a request is authenticated before the endpoint handles it. The
 * request may carry its token as `?token=` where the deployment allows that.
 */
export interface DoorRoute extends Endpoint {
  readonly path: `/v1/${string}`;
}

/** Handler of the upgrade requests of a door. */
export interface DoorUpgrades {
  /**
   * True if the door answers upgrade requests for `path`. The path has no query and is encoded as the client
   * sent it.
   */
  claims(path: string): boolean;
  /** Takes over an upgrade request and answers it in every case. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** A way for clients into the gateway: HTTP endpoints, upgrade requests, or both. */
export interface Door {
  /** Name for logs and tests; no two doors have the same name. */
  readonly name: string;
  readonly routes?: readonly DoorRoute[];
  readonly upgrades?: DoorUpgrades;
  /** Refuses new connections from now on. The core closes the open ones. */
  refuse?(): void;
  /** Resolves once no connection of the door is left. Called after the core has closed them. */
  close?(): Promise<void>;
}
