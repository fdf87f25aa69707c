import { readSince } from "@milepost/protocol";
import { z } from "zod";
import { answerJson, answerNothing } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";
import { HeldPages } from "../held-pages.ts";
import { accepted, readAs, readJsonAs } from "../reading.ts";
import {
  channelSnapshotSchema,
  endedSchema,
  endSchema,
  historySchema,
  presenceSchema,
} from "../schemas.ts";

const historyQuery = z.object({
  since: z.string().meta({ description: 'A position, "start" or "now".' }).exactOptional(),
  limit: z.coerce.number().pipe(z.int().min(1).max(1_000)).exactOptional(),
});

/** Endpoints of `/v1/channels/{channel}`: history, snapshot, presence, end and purge. */
export function channelEndpoints({ core }: HttpDoorOptions): readonly Endpoint[] {
  const pages = new HeldPages();
  return [
    {
      method: "GET",
      path: "/v1/channels/:channel/history",
      spec: describe({
        summary: "Lists the entries of a channel after a position.",
        query: historyQuery,
        success: {
          status: 200,
          description: "A page of the channel's log.",
          schema: historySchema,
        },
      }),
      async handle(context) {
        const { since, limit } = accepted(readAs(historyQuery, context.req.query()));
        pages.hold(context.get("principal"), context.env.outgoing);
        const page = await core.channels.history(
          context.get("principal"),
          context.req.param("channel") ?? "",
          {
            ...(since !== undefined && { since: accepted(readSince(since)) }),
            ...(limit !== undefined && { limit }),
            form: "text",
          },
        );
        return answerJson(context, page);
      },
    },
    {
      method: "GET",
      path: "/v1/channels/:channel/snapshot",
      spec: describe({
        summary: "Reads a channel's state at its head.",
        success: {
          status: 200,
          description: "The head's position and the state.",
          schema: channelSnapshotSchema,
        },
      }),
      async handle(context) {
        const channel = context.req.param("channel") ?? "";
        pages.hold(context.get("principal"), context.env.outgoing);
        return answerJson(context, await core.channels.snapshot(context.get("principal"), channel));
      },
    },
    {
      method: "GET",
      path: "/v1/channels/:channel/presence",
      spec: describe({
        summary: "Lists who is present in a channel.",
        success: { status: 200, description: "The current presence list.", schema: presenceSchema },
      }),
      async handle(context) {
        const channel = context.req.param("channel") ?? "";
        return answerJson(context, await core.presence.list(context.get("principal"), channel));
      },
    },
    {
      method: "POST",
      path: "/v1/channels/:channel/end",
      spec: describe({
        summary: "Ends a channel: nothing can be published to it any more.",
        body: { "application/json": endSchema },
        success: {
          status: 200,
          description: "The channel has ended, now or before.",
          schema: endedSchema,
        },
      }),
      async handle(context) {
        const text = await readBody(context.env.incoming, core.limits.maxMessageBytes);
        const { reason } = text === "" ? {} : accepted(readJsonAs(endSchema, text));
        const channel = context.req.param("channel") ?? "";
        return answerJson(
          context,
          await core.channels.end(context.get("principal"), channel, reason),
        );
      },
    },
    {
      method: "DELETE",
      path: "/v1/channels/:channel",
      spec: describe({
        summary: "Deletes a channel's log.",
        success: { status: 204, description: "The log is deleted." },
      }),
      async handle(context) {
        await core.channels.purge(context.get("principal"), context.req.param("channel") ?? "");
        return answerNothing(context);
      },
    },
  ];
}
