import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { errorCodes, type Failure } from "@milepost/protocol";
import type { HttpContext } from "./endpoint.ts";
import { type Problem, problemHeaders, problemOf } from "./problem.ts";

/**
 * Answers with JSON.
 *
 * It is written straight to Node's response: on the way through a `Response` of the platform a small
 * answer costs about half as much again as the whole rest of its request.
 */
export function answerJson(context: HttpContext, body: unknown, status = 200): Response {
  return write(context, status, "application/json", JSON.stringify(body));
}

/** Answers with text that is JSON already. */
export function answerJsonText(context: HttpContext, text: string): Response {
  return write(context, 200, "application/json", text);
}

/** Answers that it is done, and nothing else. */
export function answerNothing({ env: { outgoing } }: HttpContext): Response {
  outgoing.writeHead(204).end();
  return RESPONSE_ALREADY_SENT;
}

/** Answers with the problem document of a failure. */
export function answerFailure(context: HttpContext, cause: Failure): Response {
  return answerProblem(context, problemOf(cause));
}

/** Answers with a problem document. */
export function answerProblem(context: HttpContext, problem: Problem): Response {
  const { "Content-Type": mediaType = "", ...headers } = problemHeaders(problem);
  for (const [name, value] of Object.entries(headers)) context.env.outgoing.setHeader(name, value);
  // What is left of a body that is too large is not worth reading, and a node that goes away keeps nobody.
  if (endsConnection.has(problem.status)) context.env.outgoing.setHeader("Connection", "close");
  return write(context, problem.status, mediaType, JSON.stringify(problem));
}

const endsConnection: ReadonlySet<number> = new Set([
  errorCodes.too_large.status,
  errorCodes.shutting_down.status,
]);

function write(
  { env: { outgoing } }: HttpContext,
  status: number,
  mediaType: string,
  text: string,
): Response {
  outgoing.writeHead(status, {
    "Content-Type": mediaType,
    "Content-Length": Buffer.byteLength(text),
  });
  outgoing.end(text);
  return RESPONSE_ALREADY_SENT;
}
