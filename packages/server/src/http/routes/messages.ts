import { z } from "zod";
import { answerJson } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readAs } from "../reading.ts";

const messagesQuery = z.object({
  replies: z.enum(["body", "stream"]).exactOptional(),
  ticket: z
    .string()
    .meta({ description: "A ticket, for clients without a token." })
    .exactOptional(),
});

const message = z.looseObject({ type: z.string() });

const repliesSchema = z
  .array(z.looseObject({ type: z.string() }))
  .meta({ id: "Replies", description: "Replies in the order of the messages." });

/** Endpoint `POST /v1/connections/{id}/messages`: messages of a client that receives by SSE or long-poll. */
export function messagesEndpoint({ core }: HttpDoorOptions): Endpoint {
  return {
    method: "POST",
    path: "/v1/connections/:id/messages",
    spec: describe({
      summary: "Sends messages of a client that receives by SSE or long-poll.",
      query: messagesQuery,
      body: { "application/json": z.union([message, z.array(message).max(1_000)]) },
      success: { status: 200, description: "The replies.", schema: repliesSchema },
    }),
    async handle(context) {
      const principal = context.get("principal");
      const { replies = "body" } = accepted(readAs(messagesQuery, context.req.query()));
      const id = context.req.param("id") ?? "";
      const text = await readBody(context.env.incoming, core.limits.maxMessageBytes);
      if (replies === "body")
        return answerJson(context, await core.handleUpstream(principal, id, text));
      await core.forwardUpstream(principal, id, text);
      return answerJson(context, [], 202);
    },
  };
}
