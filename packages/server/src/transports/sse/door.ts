import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { MilepostError } from "@milepost/protocol";
import { z } from "zod";
import { describe } from "../../http/description.ts";
import { accepted } from "../../http/reading.ts";
import type { Door, DoorParts, DoorRoute } from "../door.ts";
import { SseStream } from "./stream.ts";
import { readStreamQuery } from "./stream-query.ts";

const streamQuery = z.object({
  channels: z.string().meta({ description: "Channel names, joined by commas." }).exactOptional(),
  last_event_id: z.string().meta({ description: "Cursor to resume from." }).exactOptional(),
  connection_id: z
    .string()
    .meta({ description: "Id of the connection that this one replaces." })
    .exactOptional(),
  named: z.enum(["true", "false"]).exactOptional(),
  personal: z
    .enum(["0", "1"])
    .meta({ description: "Whether the client's personal channels are subscribed." })
    .exactOptional(),
  dialect: z.literal("milepost.v1.json").exactOptional(),
  sdk: z
    .string()
    .meta({ description: "Name and version of the SDK, for the counts of consumers." })
    .exactOptional(),
  ticket: z
    .string()
    .meta({ description: "A ticket, for clients that cannot send headers." })
    .exactOptional(),
  token: z
    .string()
    .meta({ description: "The token, for clients that cannot send headers." })
    .exactOptional(),
});

/** Header with `503` of a proxy that sends a request to another node when this one answers 503. */
const retryHeader = "milepost-retry-on";

/** Creates the door of server-sent events. */
export function sseDoor(parts: DoorParts): Door {
  return { name: "sse", routes: [sseRoute(parts)] };
}

/** Endpoint `GET /v1/sse`: a connection whose messages arrive as server-sent events. */
function sseRoute({ core, clock, random, sockets, sseMaxLifetimeMs }: DoorParts): DoorRoute {
  const { sseCommentMs, pingIntervalMs } = core.limits;
  const commentMs = Math.min(sseCommentMs, pingIntervalMs);
  const streams = { clock, random, maxLifetimeMs: sseMaxLifetimeMs, commentMs };
  return {
    method: "GET",
    path: "/v1/sse",
    spec: describe({
      summary: "Streams channels as server-sent events (text/event-stream).",
      query: streamQuery,
      headers: { "Last-Event-ID": "The cursor to resume from; browsers send it by themselves." },
      success: { status: 200, description: "One event per message, until the stream ends." },
    }),
    async handle(context) {
      const principal = context.get("principal");
      const query = accepted(
        readStreamQuery(context.req.queries(), context.req.header("last-event-id")),
      );
      core.refuseUnjoined();
      if (core.isShuttingDown && context.req.header(retryHeader)?.trim() === "503") {
        throw new MilepostError("shutting_down", "this node shuts down; connect to another node");
      }
      const { incoming, outgoing } = context.env;
      sockets.hold(context.env);
      if (incoming.method === "HEAD") {
        new SseStream(outgoing, query, streams);
        outgoing.end();
        return RESPONSE_ALREADY_SENT;
      }
      const slot = await core.slots.reserve(principal, { replaced: query.connectionId });
      const stream = new SseStream(outgoing, query, streams);
      if (!slot.isGranted) stream.close(slot.close, slot.reason);
      else {
        stream.attach(
          core.connect(stream, {
            principal,
            reservedId: slot.id,
            channels: query.channels,
            ...(query.resume !== undefined && { resume: query.resume }),
            ...(query.resumeAfter !== undefined && { resumeAfter: query.resumeAfter }),
            ...(query.personal !== undefined && { personal: query.personal }),
            ...(query.connectionId !== undefined && { connectionId: query.connectionId }),
          }),
        );
      }
      return RESPONSE_ALREADY_SENT;
    },
  };
}
