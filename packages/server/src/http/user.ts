import type { UserPrincipal } from "@milepost/core";
import { MilepostError } from "@milepost/protocol";
import type { HttpContext } from "./endpoint.ts";

/** Who a connection would be of; `forbidden` for a service, which has none. */
export function userOf(context: HttpContext): UserPrincipal {
  const principal = context.get("principal");
  if (principal.kind === "user") return principal;
  throw new MilepostError("forbidden", "connections are for user tokens, not for API keys");
}
