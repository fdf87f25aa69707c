import { type CoreLog, writeAudit } from "@milepost/core";
import type { Endpoint, HttpContext } from "./endpoint.ts";
import { failureOf } from "./problem.ts";

/** Administrative requests, by method and path, with the name of their action in the log. */
const actions: ReadonlyMap<string, string> = new Map([
  ["POST /v1/console/tokens", "console.sign_in"],
  ["DELETE /v1/connections/:id", "connections.disconnect"],
  ["POST /v1/disconnect", "connections.disconnect"],
  ["POST /v1/users/:id/disconnect", "connections.disconnect"],
  ["POST /v1/move", "connections.move"],
  ["POST /v1/drain", "nodes.drain"],
  ["POST /v1/webhooks", "webhooks.add"],
  ["DELETE /v1/webhooks/:id", "webhooks.remove"],
  ["POST /v1/deliveries/retry", "deliveries.retry"],
  ["POST /v1/revoke", "tokens.revoke"],
  ["POST /v1/tokens/revoke", "tokens.revoke"],
  ["DELETE /v1/dead-letters", "dead_letters.drop"],
  ["DELETE /v1/dead-letters/:id", "dead_letters.drop"],
  ["POST /v1/dead-letters/replay", "dead_letters.replay"],
  ["POST /v1/dead-letters/:id/replay", "dead_letters.replay"],
  ["POST /v1/operations/commands", "operations.command_all"],
  ["PUT /v1/queues/:queue", "queues.configure"],
  ["DELETE /v1/channels/:channel", "channels.purge"],
]);

/**
 * Returns the endpoint so that each request of a service to it writes an audit line, whether it succeeds or is refused.
 * An endpoint that is not administrative is returned as it is.
 */
export function audited(endpoint: Endpoint, log: Pick<CoreLog, "info">): Endpoint {
  const action = actions.get(`${endpoint.method} ${endpoint.path}`);
  if (action === undefined) return endpoint;
  return {
    ...endpoint,
    async handle(context) {
      let outcome = "done";
      try {
        return await endpoint.handle(context);
      } catch (error) {
        outcome = failureOf(error)?.code ?? "internal";
        throw error;
      } finally {
        const principal = context.get("principal");
        if (principal.kind === "service") {
          writeAudit(log, principal, { action, target: targetOf(context), outcome });
        }
      }
    },
  };
}

/**
 * Returns what a request names: the variables of its path, its query, and what its handler read from the body. A credential
 * that a client put into the query by mistake stays out of the log.
 */
function targetOf(context: HttpContext): Record<string, unknown> {
  const { token: _token, ticket: _ticket, ...query } = context.req.query();
  return { ...query, ...context.req.param(), ...context.get("target") };
}
