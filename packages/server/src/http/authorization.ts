import { MilepostError } from "@milepost/protocol";
import { matchedRoutes } from "hono/route";
import type { HttpContext } from "./endpoint.ts";

/** Requests that may carry their credential in the query. */
export interface TokenInQuery {
  /**
   * Route paths where `?token=` is accepted, because a browser opens them without being able to send a header.
   */
  readonly tokenPaths: ReadonlySet<string>;
  /** Further route paths where `?ticket=` is accepted. */
  readonly ticketPaths: ReadonlySet<string>;
  /** False if the deployment refuses tokens in the URL. */
  readonly tokenInQuery: boolean;
}

/** Credential of a request: its `Authorization`, or a ticket from its query. */
export interface RequestCredential {
  readonly authorization?: string | undefined;
  readonly ticket?: string;
  /** Token of a user from the query. An API key is never looked up from there. */
  readonly token?: string;
  /** True if the page has no token and asks to be a new guest. */
  readonly guest?: true;
}

/**
 * Returns the credential of a request. Without an `Authorization` header, every route of a door takes `?ticket=`, and
 * then `?token=` as the token of a user. The messages of a connection take `?ticket=` too.
 *
 * Throws `unauthenticated` when the token is in the query and `tokenInQuery` is false.
 */
export function credentialInQuery(
  context: HttpContext,
  { tokenPaths, ticketPaths, tokenInQuery }: TokenInQuery,
): RequestCredential {
  const authorization = context.req.header("authorization");
  const ticket = context.req.query("ticket");
  const token = context.req.query("token");
  const guest = context.req.query("guest") === "true" ? true : undefined;
  if (authorization !== undefined || (ticket ?? token ?? guest) === undefined) {
    return { authorization };
  }
  const isOf = (paths: ReadonlySet<string>) =>
    matchedRoutes(context).some(({ path }) => paths.has(path));
  if (ticket !== undefined && isOf(ticketPaths)) return { ticket };
  if (!isOf(tokenPaths)) return {};
  if (ticket !== undefined) return { ticket };
  if (token === undefined) return { guest: true };
  if (tokenInQuery) return { token };
  throw new MilepostError(
    "unauthenticated",
    "tokens in the URL are disabled; send the token in the Authorization header, or a ticket as ?ticket=",
  );
}

/**
 * Returns what identifies a stream whose client reconnects with the same URL: the URL itself, for streams of
 * server-sent events. Undefined for every other request.
 */
export function streamOf(context: HttpContext): string | undefined {
  const { path, url } = context.req;
  return path.endsWith("/sse") ? `${path}${new URL(url).search}` : undefined;
}
