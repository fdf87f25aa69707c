import type { UserPrincipal } from "@milepost/core";
import { MilepostError } from "@milepost/protocol";
import type { HttpContext } from "./endpoint.ts";

/**
 * Returns the user principal of a request; throws `forbidden` for an API key, since a service has no
 * connections.
 */
export function userOf(context: HttpContext): UserPrincipal {
  const principal = context.get("principal");
  if (principal.kind === "user") return principal;
  throw new MilepostError("forbidden", "this needs a user token; an API key has no connections");
}
