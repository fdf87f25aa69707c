import type { HttpBindings } from "@hono/node-server";
import type { Core, CoreLog, Principal } from "@milepost/core";
import type { Context } from "hono";
import type { ClientSockets } from "../admission/client-sockets.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Guests } from "../auth/guests.ts";
import type { Backends } from "../backends/backends.ts";
import type { Role } from "../config/role.ts";
import type { GatewayMetrics } from "../metrics/gateway-metrics.ts";
import type { EndpointSpec } from "./description.ts";
import type { OriginPolicy } from "./origin-policy.ts";
import type { UnreadAnswers } from "./unread-answers.ts";

/** Parts and settings from which the HTTP API is built. */
export interface HttpDoorOptions {
  readonly core: Core;
  readonly auth: Authenticator;
  /** Selects whom this process serves: readers, backends or both. */
  readonly role: Role;
  readonly origins: OriginPolicy;
  /** Sockets of the gateway's clients. */
  readonly sockets: ClientSockets;
  readonly unread: UnreadAnswers;
  /** Guests of the deployment; undefined where none are admitted. */
  readonly guests: Guests | undefined;
  readonly log: CoreLog;
  readonly backends: Pick<Backends, "counts">;
  /** Metrics of the gateway; undefined where the host program records them or nobody does. */
  readonly metrics: Pick<GatewayMetrics, "expose"> | undefined;
  /** Current time, in milliseconds since 1970. */
  readonly now: () => number;
  /** Aborts when the gateway shuts down; every waiting request ends then. */
  readonly closing: AbortSignal;
}

/** Hono environment: what the handlers find in the context of a request. */
export interface HttpEnv {
  Bindings: HttpBindings;
  Variables: {
    principal: Principal;
    /** Target that the body of an administrative request names, for its audit line. */
    target?: Readonly<Record<string, unknown>>;
  };
}

/** A request as the handlers see it. */
export type HttpContext = Context<HttpEnv>;

/** One method of one path: its handler and its OpenAPI description. */
export interface Endpoint {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path with `:name` for each variable segment. */
  readonly path: string;
  readonly spec: EndpointSpec;
  handle(context: HttpContext): Response | Promise<Response>;
}
