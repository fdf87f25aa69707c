import type { ConnectionTarget, RevokeInput } from "@milepost/core";
import { consumerKinds } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import { z } from "zod";
import { answerJson, answerNothing } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpContext, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readAs, readJsonAs } from "../reading.ts";
import { ownerId } from "../schemas.ts";

const name = z.string().min(1).max(255);

const whoseShape = {
  connection: name.meta({ description: "The connection with this id." }).exactOptional(),
  user: ownerId.meta({ description: "Connections of this user." }).exactOptional(),
  session: ownerId.meta({ description: "Connections of this session." }).exactOptional(),
  node: name.meta({ description: "Connections on this node." }).exactOptional(),
};
const filterQuery = z.object(whoseShape);

const connectionSchema = z
  .object({
    connection_id: z.string(),
    user_id: z.string().exactOptional(),
    session_id: z.string().exactOptional(),
    node: z.string(),
    consumer: z.enum(consumerKinds),
    since: z.number(),
  })
  .meta({ id: "Connection" });
const listSchema = z
  .object({ connections: z.array(connectionSchema) })
  .meta({ id: "ConnectionList" });
const nodesSchema = z
  .object({
    nodes: z.array(
      z.object({
        node: z.string(),
        connections: z.int(),
        since: z.number(),
        report: z
          .object({
            status: z.string().exactOptional(),
            lag_ms: z.number().exactOptional(),
            loop_delay_ms: z.number().exactOptional(),
            memory_bytes: z.number().exactOptional(),
            cpu: z.number().exactOptional(),
            subscriptions: z.int().exactOptional(),
            channels: z.int().exactOptional(),
            version: z.string().exactOptional(),
          })
          .exactOptional(),
      }),
    ),
  })
  .meta({ id: "NodeList" });
const disconnectedSchema = z.object({ connections: z.int() }).meta({ id: "Disconnected" });

const disconnectSchema = z
  .object({ ...whoseShape, reason: z.string().min(1).max(100).exactOptional() })
  .meta({ id: "Disconnect" });
const moveSchema = z
  .object({
    ...whoseShape,
    reconnect: z.object({ min_ms: z.number(), max_ms: z.number() }).exactOptional(),
  })
  .meta({ id: "Move" });
const drainSchema = z
  .object({
    node: name,
    on: z
      .boolean()
      .meta({ description: "False takes the node back into service; default true." })
      .exactOptional(),
    max_ms: z
      .number()
      .meta({ description: "Time within which its clients reconnect; default 10,000." })
      .exactOptional(),
  })
  .meta({ id: "Drain" });
const revokeSchema = z
  .object({
    user: ownerId.exactOptional(),
    session: ownerId.exactOptional(),
    token: name.meta({ description: "The token's jti." }).exactOptional(),
    grants: z.array(name).min(1).max(100).exactOptional(),
    ttl_ms: z.number().exactOptional(),
  })
  .meta({ id: "Revoke" });

/** Endpoints for connections: list, disconnect, move and revoke, and the list of nodes. */
export function connectionEndpoints({ core }: HttpDoorOptions): readonly Endpoint[] {
  const { connections } = core;
  const read = async <T>(context: HttpContext, schema: z.ZodType<T>): Promise<T> =>
    accepted(readJsonAs(schema, await readBody(context.env.incoming, core.limits.maxMessageBytes)));
  return [
    {
      method: "GET",
      path: "/v1/connections",
      spec: describe({
        summary: "Lists connections on all nodes, at most 1,000.",
        query: filterQuery,
        success: {
          status: 200,
          description: "Connections that match the filter.",
          schema: listSchema,
        },
      }),
      async handle(context) {
        const target = targetOf(accepted(readAs(filterQuery, context.req.query())));
        return answerJson(context, await connections.list(context.get("principal"), target));
      },
    },
    {
      method: "DELETE",
      path: "/v1/connections/:id",
      spec: describe({
        summary: "Disconnects one connection permanently.",
        success: {
          status: 202,
          description: "The nodes have been notified.",
          schema: disconnectedSchema,
        },
      }),
      async handle(context) {
        const target = { connection: context.req.param("id") ?? "" };
        const told = await connections.disconnect(context.get("principal"), target);
        return answerJson(context, told, 202);
      },
    },
    {
      method: "GET",
      path: "/v1/nodes",
      spec: describe({
        summary: "Lists the live nodes.",
        success: { status: 200, description: "All live nodes.", schema: nodesSchema },
      }),
      async handle(context) {
        return answerJson(context, { nodes: await connections.nodes(context.get("principal")) });
      },
    },
    {
      method: "POST",
      path: "/v1/disconnect",
      spec: describe({
        summary:
          "Closes a connection, or all connections of a user, session or node; their clients do not reconnect.",
        body: { "application/json": disconnectSchema },
        success: {
          status: 202,
          description: "The nodes have been notified.",
          schema: disconnectedSchema,
        },
      }),
      async handle(context) {
        const { reason, ...whose } = await read(context, disconnectSchema);
        context.set("target", whose);
        const principal = context.get("principal");
        const told = await connections.disconnect(principal, targetOf(whose), reason);
        return answerJson(context, told, 202);
      },
    },
    {
      method: "POST",
      path: "/v1/move",
      spec: describe({
        summary:
          "Makes connections reconnect within a time span, to the node that the load balancer picks.",
        body: { "application/json": moveSchema },
        success: {
          status: 202,
          description: "The nodes have been notified.",
          schema: disconnectedSchema,
        },
      }),
      async handle(context) {
        const { reconnect, ...whose } = await read(context, moveSchema);
        context.set("target", whose);
        const span =
          reconnect === undefined ? {} : { minMs: reconnect.min_ms, maxMs: reconnect.max_ms };
        const principal = context.get("principal");
        return answerJson(context, await connections.move(principal, targetOf(whose), span), 202);
      },
    },
    {
      method: "POST",
      path: "/v1/drain",
      spec: describe({
        summary: "Takes a node out of service, or back into it, without ending it.",
        body: { "application/json": drainSchema },
        success: {
          status: 202,
          description: "The node has been notified.",
          schema: disconnectedSchema,
        },
      }),
      async handle(context) {
        const { node, on = true, max_ms: maxMs } = await read(context, drainSchema);
        context.set("target", { node, on });
        const principal = context.get("principal");
        return answerJson(context, await connections.drain(principal, node, on, maxMs), 202);
      },
    },
    ...["/v1/revoke", "/v1/tokens/revoke"].map(
      (path): Endpoint => ({
        method: "POST",
        path,
        spec: describe({
          summary:
            "Revokes the tokens of a user or session, or one token; with grants, only those grants.",
          body: { "application/json": revokeSchema },
          success: {
            status: 204,
            description: "The revocation is stored; every node applies it within 5 s.",
          },
        }),
        async handle(context) {
          const { grants, ttl_ms: ttlMs, ...whose } = await read(context, revokeSchema);
          context.set("target", { ...whose, ...(grants !== undefined && { grants }) });
          await connections.revoke(context.get("principal"), {
            ...revokedOf(whose),
            ...(grants === undefined ? {} : { grants }),
            ...(ttlMs === undefined ? {} : { ttlMs }),
          });
          return answerNothing(context);
        },
      }),
    ),
    {
      method: "POST",
      path: "/v1/users/:id/disconnect",
      spec: describe({
        summary: "Disconnects a user permanently.",
        success: {
          status: 202,
          description: "The nodes have been notified.",
          schema: disconnectedSchema,
        },
      }),
      async handle(context) {
        const target = { user: context.req.param("id") ?? "" };
        const told = await connections.disconnect(context.get("principal"), target);
        return answerJson(context, told, 202);
      },
    },
  ];
}

/**
 * Returns the connection, user, session or node that a request names; throws `bad_message` unless it names
 * exactly one.
 *
 * A parameter left out by mistake must not select more connections.
 */
function targetOf(whose: z.infer<typeof filterQuery>): ConnectionTarget {
  const { connection, user, session, node } = whose;
  if (Object.keys(whose).length === 1) {
    if (connection !== undefined) return { connection };
    if (user !== undefined) return { user };
    if (session !== undefined) return { session };
    if (node !== undefined) return { node };
  }
  throw new MilepostError("bad_message", "name exactly one of connection, user, session or node");
}

function revokedOf(
  whose: Pick<z.infer<typeof revokeSchema>, "user" | "session" | "token">,
): RevokeInput {
  const { user, session, token } = whose;
  if (Object.keys(whose).length === 1) {
    if (user !== undefined) return { user };
    if (session !== undefined) return { session };
    if (token !== undefined) return { token };
  }
  throw new MilepostError("bad_message", "name exactly one of user, session or token");
}
