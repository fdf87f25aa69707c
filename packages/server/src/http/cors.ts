import { answerNothing } from "./answer.ts";
import type { HttpContext } from "./endpoint.ts";

/** Methods that the API has for pages of other origins. GET and POST need no mention in a preflight, but have one. */
const methods = "GET, POST, PUT, DELETE";
const headers = "Authorization, Content-Type, Last-Event-ID, Milepost-Lease";
const maxAgeSeconds = "600";

/**
 * Lets the page of an allowed origin read the answer.
 *
 * Credentials are never cookies here, so there is no `Access-Control-Allow-Credentials`: a page has to present its
 * token itself.
 */
export function allowPage({ env: { outgoing } }: HttpContext, origin: string): void {
  outgoing.setHeader("Access-Control-Allow-Origin", origin);
  outgoing.setHeader("Vary", "Origin");
}

/** Answers the question of a browser whether a page may make its request. */
export function answerPreflight(context: HttpContext): Response {
  const { outgoing } = context.env;
  outgoing.setHeader("Access-Control-Allow-Methods", methods);
  outgoing.setHeader("Access-Control-Allow-Headers", headers);
  outgoing.setHeader("Access-Control-Max-Age", maxAgeSeconds);
  return answerNothing(context);
}
