import { answerJson } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readJsonAs } from "../reading.ts";
import { notificationSchema, notifiedSchema } from "../schemas.ts";

/** Endpoint `POST /v1/users/{id}/notifications`: notifies a user. */
export function notificationEndpoint({ core }: HttpDoorOptions): Endpoint {
  return {
    method: "POST",
    path: "/v1/users/:id/notifications",
    spec: describe({
      summary: "Notifies a user.",
      body: { "application/json": notificationSchema },
      success: {
        status: 200,
        description: "The notification is in the log of user:{id}.",
        schema: notifiedSchema,
      },
    }),
    async handle(context) {
      const text = await readBody(context.env.incoming, core.limits.maxMessageBytes);
      const notification = accepted(readJsonAs(notificationSchema, text));
      const id = context.req.param("id") ?? "";
      return answerJson(
        context,
        await core.channels.notify(context.get("principal"), id, notification),
      );
    },
  };
}
