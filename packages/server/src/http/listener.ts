import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { failure } from "@milepost/protocol";
import type { Hono } from "hono";
import type { HttpEnv } from "./endpoint.ts";
import { problemHeaders, problemOf } from "./problem.ts";
import { inTurn } from "./request-turns.ts";
import { safeHeaders } from "./safe-headers.ts";
import type { StraightPath } from "./straight-path.ts";
import type { UnreadAnswers } from "./unread-answers.ts";

/**
 * Creates Node's request listener for the HTTP API: the straight paths take what they can, and the router all else. It
 * changes no global of a host program.
 */
export function createHttpListener(
  app: Hono<HttpEnv>,
  straight: readonly Pick<StraightPath, "take">[],
  unread: UnreadAnswers,
): (request: IncomingMessage, response: ServerResponse) => void {
  const listen = getRequestListener((request, bindings) => app.fetch(request, bindings), {
    overrideGlobalObjects: false,
    // Load balancers send health checks in HTTP/1.0, which needs no Host header.
    hostname: "localhost",
    errorHandler: unreadableRequest,
  });
  return (request, response) => {
    inTurn(request, response, () => {
      if (straight.some((path) => path.take(request, response))) return;
      void Promise.resolve(listen(request, response)).then(() => unread.watch(response));
    });
  };
}

/** Answers a request from which no `Request` could be built. The app answers all its other errors itself. */
function unreadableRequest(): Response {
  const problem = problemOf(
    failure(
      "bad_message",
      "the request's target or Host header is not valid; send a path and a host name",
    ),
  );
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { ...safeHeaders, ...problemHeaders(problem) },
  });
}
