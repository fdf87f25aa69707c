import { type Principal, traceFields } from "@milepost/core";
import { failure, MilepostError } from "@milepost/protocol";
import { Hono, type MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import { otherRole, servesBackends, servesReaders } from "../config/role.ts";
import type { DoorSet } from "../transports/door-set.ts";
import { answerFailure, answerProblem } from "./answer.ts";
import { audited } from "./audited.ts";
import { credentialInQuery, streamOf } from "./authorization.ts";
import { chargeAnswer, chargeRequest } from "./charging.ts";
import { allowPage, answerPreflight } from "./cors.ts";
import type { Endpoint, HttpContext, HttpDoorOptions, HttpEnv } from "./endpoint.ts";
import { describedBy } from "./openapi.ts";
import { failureOf, internalFailure, problemOf } from "./problem.ts";
import { channelEndpoints } from "./routes/channels.ts";
import { commandEndpoints } from "./routes/commands.ts";
import { connectionEndpoints } from "./routes/connections.ts";
import { consoleTokenEndpoint } from "./routes/console-tokens.ts";
import { deadLetterEndpoints } from "./routes/dead-letters.ts";
import { digestEndpoints } from "./routes/digest.ts";
import { estimateEndpoint } from "./routes/estimates.ts";
import { guestEndpoint, guestsPath } from "./routes/guests.ts";
import { healthEndpoints } from "./routes/health.ts";
import { inboxEndpoints } from "./routes/inbox.ts";
import { inputEndpoints } from "./routes/inputs.ts";
import { inspectEndpoints } from "./routes/inspect.ts";
import { messagesEndpoint } from "./routes/messages.ts";
import { metricsEndpoints, metricsPath } from "./routes/metrics.ts";
import { notificationEndpoint } from "./routes/notifications.ts";
import { operationEventsEndpoint } from "./routes/operation-events.ts";
import { operationEndpoints } from "./routes/operations.ts";
import { publishEndpoint } from "./routes/publish.ts";
import { questionEndpoints } from "./routes/questions.ts";
import { queueEndpoints } from "./routes/queues.ts";
import { reachingEndpoints } from "./routes/reaching.ts";
import { sessionEndpoints } from "./routes/sessions.ts";
import { ticketEndpoint } from "./routes/tickets.ts";
import { requireSignature } from "./signed-request.ts";
import { withTrace } from "./trace-header.ts";

/** Parts of the HTTP API. */
export interface HttpAppOptions extends HttpDoorOptions {
  /** Doors whose routes the HTTP API serves. */
  readonly doors: Pick<DoorSet, "routes" | "claims">;
  /** False to refuse tokens in the URL. */
  readonly tokenInQuery: boolean;
}

/** Creates the HTTP API: every path of the protocol's table, and problem documents for all other requests. */
export function createHttpApp(options: HttpAppOptions): Hono<HttpEnv> {
  const { core, auth, role, origins, log, closing, doors, sockets, unread, guests, tokenInQuery } =
    options;
  const tokenPaths = new Set(doors.routes.flatMap(({ path }) => [path, besideWebSockets(path)]));
  const { path: messagesPath } = messagesEndpoint(options);
  const ticketPaths = new Set([messagesPath, besideWebSockets(messagesPath)]);
  const app = new Hono<HttpEnv>();

  app.onError((error, context) => {
    const known = failureOf(error);
    // The log has the route, not the path: a client can put anything into a path.
    if (known === undefined)
      log.error(
        {
          event: "request.failed",
          err: error,
          route: routePath(context, -1),
          ...traceFields(context.get("principal")?.traceparent),
        },
        "a request failed",
      );
    return answerFailure(context, known ?? internalFailure);
  });
  app.notFound((context) =>
    answerFailure(context, failure("not_found", missing(doors.claims(context.req.path)))),
  );

  async function identify(context: HttpContext): Promise<Principal> {
    const query = credentialInQuery(context, { tokenPaths, ticketPaths, tokenInQuery });
    if (query.ticket !== undefined) return core.tickets.use(query.ticket, streamOf(context));
    if (query.token !== undefined) return auth.verifyToken(query.token);
    if (query.guest !== true || guests === undefined) return auth.authenticate(query.authorization);
    return guests.admit(sockets.addresses.ofRequest(context.env.incoming));
  }

  app.use(async (context, next) => {
    // An idle connection that stays open would delay the end of the process.
    if (closing.aborted) context.env.outgoing.setHeader("Connection", "close");
    await next();
  });
  // Health checks come from load balancers, which name a node as they like.
  for (const path of ["/ws/*", "/health", "/openapi.json"]) {
    app.use(path, async (context, next) => {
      const { host } = context.env.incoming.headers;
      const refusal = origins.refusal({ ...(host !== undefined && { host }) });
      if (refusal !== undefined) throw MilepostError.from(refusal);
      await next();
    });
  }
  const authenticated: MiddlewareHandler<HttpEnv> = async (context, next) => {
    const { headers } = context.env.incoming;
    const { origin } = headers;
    const refusal = origins.refusal(headers);
    if (refusal !== undefined) throw MilepostError.from(refusal);
    if (origin !== undefined) {
      allowPage(context, origins.corsOrigin(origin));
      if (context.req.method === "OPTIONS") return answerPreflight(context);
    }
    // A page without a token becomes a guest there.
    if (context.req.path === guestsPath && context.req.method === "POST") return next();
    const principal = await identify(context);
    const ofUser = principal.kind === "user" ? origins.refusalOfUser(headers) : undefined;
    if (ofUser !== undefined) throw MilepostError.from(ofUser);
    const admitted = await core.admission.admit(principal);
    context.set("principal", core.isTracing ? withTrace(admitted, headers) : admitted);
    chargeRequest(core, admitted, context);
    sockets.authenticated(context.env);
    if (principal.kind === "user") unread.endWithToken(context.env.outgoing, principal.expiresAt);
    await requireSignature(context, core);
    await next();
    chargeAnswer(core, admitted, context);
    return undefined;
  };
  app.use("/v1/*", authenticated);
  app.use(metricsPath, authenticated);

  const ofBackends: readonly Endpoint[] = [
    publishEndpoint(options),
    ...channelEndpoints(options),
    ...operationEndpoints(options),
    operationEventsEndpoint(options),
    ...commandEndpoints(options),
    ...inputEndpoints(options),
    ...questionEndpoints(options),
    notificationEndpoint(options),
    ...digestEndpoints(options),
    estimateEndpoint(options),
    ...inboxEndpoints(options),
    ...deadLetterEndpoints(options),
    ...connectionEndpoints(options),
    consoleTokenEndpoint(options),
    ...sessionEndpoints(options),
    ...queueEndpoints(options),
    ...reachingEndpoints(options),
    ...inspectEndpoints(options),
  ];
  const fallbacks = [...doors.routes, messagesEndpoint(options)];
  const besides = fallbacks.map(
    (endpoint): Endpoint => ({
      ...endpoint,
      path: besideWebSockets(endpoint.path),
      spec: (resolve) => ({ ...endpoint.spec(resolve), hide: true }),
    }),
  );
  // A path may have several methods, and a ticket would not survive a second look.
  for (const path of new Set(besides.map(({ path }) => path))) app.use(path, authenticated);
  const ofReaders: readonly Endpoint[] = [
    ...fallbacks,
    ...besides,
    ticketEndpoint(options),
    guestEndpoint(options),
  ];
  const endpoints: readonly Endpoint[] = [
    ...ofBackends.map(servesBackends(role) ? (endpoint) => audited(endpoint, log) : elsewhere),
    ...(servesReaders(role) ? ofReaders : ofReaders.map(elsewhere)),
    ...healthEndpoints(options),
    ...metricsEndpoints(options),
  ];
  for (const { method, path, handle } of endpoints) app.on(method, path, handle);
  app.get("/openapi.json", describedBy(endpoints));
  refuseOtherMethods(app, endpoints);
  return app;
}

/**
 * Returns the second path of an endpoint, `/ws/sse` for `/v1/sse`: a proxy that forwards only `/ws` carries the
 * fallbacks of WebSockets too.
 */
function besideWebSockets(path: string): string {
  return path.replace(/^\/v1\//, "/ws/");
}

/**
 * Returns the endpoint with a handler that refuses every request: this process's role does not serve it.
 *
 * The error is `not_found` and names the roles that serve readers and backends.
 */
function elsewhere(endpoint: Endpoint): Endpoint {
  return {
    ...endpoint,
    handle() {
      throw new MilepostError("not_found", otherRole);
    },
  };
}

function missing(isUpgradePath: boolean): string {
  return isUpgradePath
    ? "this path accepts only WebSocket connections; connect with ws:// or wss://, through proxies that forward Upgrade"
    : "no such path";
}

function refuseOtherMethods(app: Hono<HttpEnv>, endpoints: readonly Endpoint[]): void {
  const methodsOf = new Map<string, string[]>([["/openapi.json", ["GET", "HEAD"]]]);
  for (const { method, path } of endpoints) {
    const methods = methodsOf.get(path) ?? [];
    methods.push(method, ...(method === "GET" ? ["HEAD"] : []));
    methodsOf.set(path, methods);
  }
  for (const [path, methods] of methodsOf) {
    const allow = methods.join(", ");
    app.all(path, (context) => {
      context.env.outgoing.setHeader("Allow", allow);
      const problem = problemOf(failure("bad_message", `this path accepts only ${allow}`));
      return answerProblem(context, {
        ...problem,
        status: 405,
        title: "The path does not support this method.",
      });
    });
  }
}
