import { z } from "zod";
import { answerJson } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readAs } from "../reading.ts";
import { userOf } from "../user.ts";

const messagesQuery = z.object({ replies: z.enum(["body", "stream"]).exactOptional() });

const message = z.looseObject({ type: z.string() });

const repliesSchema = z
  .array(z.looseObject({ type: z.string() }))
  .meta({ id: "Replies", description: "In the order of the messages." });

/** `POST /v1/connections/{id}/messages`: what a client sends whose door only brings. */
export function messagesEndpoint({ core }: HttpDoorOptions): Endpoint {
  return {
    method: "POST",
    path: "/v1/connections/:id/messages",
    spec: describe({
      summary: "Messages of a client whose own messages come as a stream or by polls.",
      query: messagesQuery,
      body: { "application/json": z.union([message, z.array(message).max(1_000)]) },
      success: { status: 200, says: "The replies.", schema: repliesSchema },
    }),
    async handle(context) {
      const principal = userOf(context);
      const { replies = "body" } = accepted(readAs(messagesQuery, context.req.query()));
      const id = context.req.param("id") ?? "";
      const text = await readBody(context.env.incoming, core.limits.maxMessageBytes);
      if (replies === "body")
        return answerJson(context, await core.handleUpstream(principal, id, text));
      core.forwardUpstream(principal, id, text);
      return answerJson(context, [], 202);
    },
  };
}
