import { MilepostError } from "@milepost/protocol";
import type { HttpContext } from "./endpoint.ts";

/** The paths that a browser opens without being able to send a header. */
const takesToken: ReadonlySet<string> = new Set(["/v1/sse", "/v1/poll"]);

/**
 * The `Authorization` of a request; without the header the token of the query stands in for it, on the
 * paths and in the deployments that take one. `unauthenticated` where that is switched off.
 */
export function authorizationOf(
  { req }: HttpContext,
  { tokenInQuery }: { readonly tokenInQuery: boolean },
): string | undefined {
  const header = req.header("authorization");
  const token = takesToken.has(req.path) ? req.query("token") : undefined;
  if (header !== undefined || token === undefined) return header;
  if (tokenInQuery) return `Bearer ${token}`;
  throw new MilepostError("unauthenticated", "tokens in the URL are switched off");
}
