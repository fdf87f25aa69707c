import type { SeenReport } from "@milepost/model";
import { z } from "zod";
import { answerJson } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpContext, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readExactJsonAs } from "../reading.ts";

const seenSchema = z
  .strictObject({
    now: z
      .boolean()
      .meta({ description: "True if everything up to now was seen." })
      .exactOptional(),
    at: z
      .number()
      .meta({ description: "Time up to which everything was seen, in milliseconds since 1970." })
      .exactOptional(),
    positions: z
      .record(z.string(), z.string())
      .meta({ description: "Positions up to which channels were seen, by their names." })
      .exactOptional(),
  })
  .meta({ id: "Seen" });
const counts = {
  steps_done: z.number(),
  warnings: z.number(),
  errors: z.number(),
  questions: z.number(),
};
const digestSchema = z
  .object({
    since: z.number().exactOptional(),
    until: z.number(),
    totals: z.object({
      ...counts,
      started: z.number(),
      finished: z.number(),
      failed: z.number(),
      notifications: z.number(),
    }),
    operations: z.array(
      z.object({
        operation_id: z.string(),
        kind: z.string(),
        title: z.string(),
        status: z.string(),
        percent: z.number(),
        ...counts,
        started: z.literal(true).exactOptional(),
        ended: z.string().exactOptional(),
        more: z.literal(true).exactOptional(),
      }),
    ),
    open_questions: z.number(),
    more: z.boolean().meta({ description: "True if there is more than was counted." }),
    seen: seenSchema,
  })
  .meta({ id: "Digest" });
const seenUpToSchema = z
  .object({ at: z.number().exactOptional(), positions: z.number() })
  .meta({ id: "SeenUpTo" });

/** Endpoints of `/v1/users/{id}/digest` and `/v1/users/{id}/seen`: what has happened, and what a user has seen. */
export function digestEndpoints({ core }: HttpDoorOptions): readonly Endpoint[] {
  const { digests } = core;
  const who = (context: HttpContext) => context.get("principal");
  const userOf = (context: HttpContext) => context.req.param("id") ?? "";
  return [
    {
      method: "GET",
      path: "/v1/users/:id/digest",
      spec: describe({
        summary: "Returns what has happened since the user's last position.",
        success: { status: 200, description: "The digest.", schema: digestSchema },
      }),
      async handle(context) {
        return answerJson(context, await digests.get(who(context), userOf(context)));
      },
    },
    {
      method: "POST",
      path: "/v1/users/:id/seen",
      spec: describe({
        summary: "Moves the user's last position forward.",
        body: { "application/json": seenSchema },
        success: { status: 200, description: "What is kept.", schema: seenUpToSchema },
      }),
      async handle(context) {
        const text = await readBody(context.env.incoming, core.limits.maxMessageBytes);
        const input = accepted(readExactJsonAs(seenSchema, text)) as SeenReport;
        return answerJson(context, await digests.seen(who(context), userOf(context), input));
      },
    },
  ];
}
