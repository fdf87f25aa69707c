import type { ServerResponse } from "node:http";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { errorCodes, type Failure, writeJson } from "@milepost/protocol";
import type { HttpContext } from "./endpoint.ts";
import { type Problem, problemHeaders, problemOf } from "./problem.ts";
import { safeHeaders } from "./safe-headers.ts";

/**
 * Answers a request with a JSON body. A `JsonText` in it is written as its own text.
 *
 * The body is written straight to Node's response. A platform `Response` in between would make a small answer
 * cost about half as much again as the rest of its request.
 */
export function answerJson(context: HttpContext, body: unknown, status = 200): Response {
  return write(context, status, "application/json", writeJson(body));
}

/** Answers a request with text that is already JSON. */
export function answerJsonText(context: HttpContext, text: string): Response {
  return write(context, 200, "application/json", text);
}

/** Answers a request with text of another type than JSON. */
export function answerText(context: HttpContext, mediaType: string, text: string): Response {
  return write(context, 200, mediaType, text);
}

/** Answers a request with 204 and no body. */
export function answerNothing({ env: { outgoing } }: HttpContext): Response {
  outgoing.writeHead(204, safeHeaders).end();
  return RESPONSE_ALREADY_SENT;
}

/** Answers a request with the problem document of a failure. */
export function answerFailure(context: HttpContext, cause: Failure): Response {
  return answerProblem(context, problemOf(cause));
}

/** Answers a request with a problem document. */
export function answerProblem({ env: { outgoing } }: HttpContext, problem: Problem): Response {
  sendProblem(outgoing, problem);
  return RESPONSE_ALREADY_SENT;
}

/** Writes a JSON body as the whole answer to a request, as {@link answerJson} does. */
export function sendJson(outgoing: ServerResponse, body: unknown): void {
  const text = writeJson(body);
  // Node writes a list of headers fastest when none was set before.
  const length = Buffer.byteLength(text);
  outgoing.writeHead(200, ["Content-Length", length, ...listedSafeHeaders, ...jsonType]);
  outgoing.end(text);
}

const listedSafeHeaders = Object.entries(safeHeaders).flat();
const jsonType = ["Content-Type", "application/json"];

/** Writes a problem document as the whole answer to a request. */
export function sendProblem(outgoing: ServerResponse, problem: Problem): void {
  const { "Content-Type": mediaType = "", ...headers } = problemHeaders(problem);
  for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value);
  // Two errors close the connection. After `too_large`, the rest of the body is not worth reading. After
  // `shutting_down`, the node keeps no connection open.
  if (endsConnection.has(problem.status)) outgoing.setHeader("Connection", "close");
  send(outgoing, problem.status, mediaType, JSON.stringify(problem));
}

const endsConnection: ReadonlySet<number> = new Set([
  errorCodes.too_large.status,
  errorCodes.shutting_down.status,
]);

function write(
  { env: { outgoing } }: HttpContext,
  status: number,
  type: string,
  text: string,
): Response {
  send(outgoing, status, type, text);
  return RESPONSE_ALREADY_SENT;
}

function send(outgoing: ServerResponse, status: number, mediaType: string, text: string): void {
  // A header that is set before can be read again, so that the size of the answer can be counted.
  outgoing.setHeader("Content-Length", Buffer.byteLength(text));
  outgoing.writeHead(status, { ...safeHeaders, "Content-Type": mediaType });
  outgoing.end(text);
}
