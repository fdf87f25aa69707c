import { MilepostError } from "@milepost/protocol";
import { matchedRoutes } from "hono/route";
import type { HttpContext } from "./endpoint.ts";

/** Requests that may carry their token as `?token=`. */
export interface TokenInQuery {
  /**
   * Route paths where `?token=` is accepted, because a browser opens them without being able to send a header.
   */
  readonly tokenPaths: ReadonlySet<string>;
  /** False if the deployment refuses tokens in the URL. */
  readonly tokenInQuery: boolean;
}

/**
 * Returns the `Authorization` of a request. Without that header, every route of a door takes `?token=` as a bearer
 * token.
 *
 * Throws `unauthenticated` when the token is in the query and `tokenInQuery` is false.
 */
export function authorizationOf(
  context: HttpContext,
  { tokenPaths, tokenInQuery }: TokenInQuery,
): string | undefined {
  const header = context.req.header("authorization");
  const token = context.req.query("token");
  if (header !== undefined || token === undefined) return header;
  if (!matchedRoutes(context).some(({ path }) => tokenPaths.has(path))) return undefined;
  if (tokenInQuery) return `Bearer ${token}`;
  throw new MilepostError(
    "unauthenticated",
    "tokens in the URL are disabled; send the token in the Authorization header",
  );
}
