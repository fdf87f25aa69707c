import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { failure } from "@milepost/protocol";
import type { Hono } from "hono";
import type { HttpEnv } from "./endpoint.ts";
import { problemHeaders, problemOf } from "./problem.ts";

/** Makes Node's request listener of the HTTP API. It changes no global, so a host program keeps its own. */
export function createHttpListener(
  app: Hono<HttpEnv>,
): (request: IncomingMessage, response: ServerResponse) => void {
  const listen = getRequestListener((request, bindings) => app.fetch(request, bindings), {
    overrideGlobalObjects: false,
    // Health checks of load balancers speak HTTP/1.0, which needs no Host.
    hostname: "localhost",
    errorHandler: unreadableRequest,
  });
  return (request, response) => {
    void listen(request, response);
  };
}

/** The app answers its own errors; what comes here could not even be made a request of. */
function unreadableRequest(): Response {
  const problem = problemOf(
    failure("bad_message", "the request's target or Host header is not valid"),
  );
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: problemHeaders(problem),
  });
}
