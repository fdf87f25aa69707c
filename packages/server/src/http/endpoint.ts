import type { HttpBindings } from "@hono/node-server";
import type { Core, CoreLog, Principal } from "@milepost/core";
import type { Context } from "hono";
import type { DescribeRouteOptions } from "hono-openapi";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Backends } from "../backends/backends.ts";
import type { Role } from "../config/role.ts";
import type { OriginPolicy } from "./origin-policy.ts";

/** What the HTTP door is made of. */
export interface HttpDoorOptions {
  readonly core: Core;
  readonly auth: Authenticator;
  /** Which doors are served. */
  readonly role: Role;
  readonly origins: OriginPolicy;
  readonly log: CoreLog;
  readonly backends: Pick<Backends, "counts">;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Aborts when the gateway goes away; every wait ends then. */
  readonly closing: AbortSignal;
}

/** What the handlers find in a request's context. */
export interface HttpEnv {
  Bindings: HttpBindings;
  Variables: { principal: Principal };
}

/** A request, as handlers see it. */
export type HttpContext = Context<HttpEnv>;

/** One method of one path: what it does and how it is described. */
export interface Endpoint {
  readonly method: "GET" | "POST" | "DELETE";
  /** With `:name` for what varies. */
  readonly path: string;
  readonly spec: DescribeRouteOptions;
  handle(context: HttpContext): Response | Promise<Response>;
}
