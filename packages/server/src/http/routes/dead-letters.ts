import { MilepostError } from "@milepost/protocol";
import { z } from "zod";
import { answerJson, answerNothing } from "../answer.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpContext, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readAs } from "../reading.ts";
import { failureSchema } from "../schemas.ts";

const filterQuery = z.object({
  channel: z.string().exactOptional(),
  subscriber: z.string().exactOptional(),
  reason: z
    .string()
    .meta({ description: "The dead letter's reason, or its first word." })
    .exactOptional(),
  limit: z.coerce.number().pipe(z.int().min(1).max(1_000)).exactOptional(),
  after: z.string().meta({ description: "The next value of the previous page." }).exactOptional(),
});

const deadLetterSchema = z
  .object({
    id: z.string(),
    at: z.number(),
    channel: z.string(),
    reason: z.string(),
    subscriber: z.string().exactOptional(),
    owner: z.string().exactOptional(),
    attempts: z.int(),
    entry: z.object({
      position: z.string().exactOptional(),
      since: z.string().exactOptional(),
      source: z.string().exactOptional(),
      event: z.string().exactOptional(),
      data: z.unknown().exactOptional(),
      key: z.string().exactOptional(),
      ts: z.number().exactOptional(),
    }),
  })
  .meta({ id: "DeadLetter" });

const pageSchema = z
  .object({
    letters: z.array(deadLetterSchema),
    next: z.string().exactOptional(),
    kept: z.int(),
    dropped: z.int(),
  })
  .meta({ id: "DeadLetterPage" });

const replayedSchema = z
  .object({
    id: z.string(),
    to: z.enum(["subscriber", "channel"]),
    position: z.string().exactOptional(),
  })
  .meta({ id: "Replayed" });

const manySchema = z
  .object({
    done: z.int(),
    failed: z.array(z.object({ id: z.string(), error: failureSchema })),
    next: z.string().exactOptional(),
  })
  .meta({ id: "ManyDeadLetters" });

/** Endpoints of `/v1/dead-letters`: list, show, replay and drop dead letters. */
export function deadLetterEndpoints({ core }: HttpDoorOptions): readonly Endpoint[] {
  const { deadLetters } = core;
  const filterOf = (context: HttpContext) => accepted(readAs(filterQuery, context.req.query()));
  const idOf = (context: HttpContext) => context.req.param("id") ?? "";
  return [
    {
      method: "GET",
      path: "/v1/dead-letters",
      spec: describe({
        summary: "Lists dead letters, oldest first.",
        query: filterQuery,
        success: { status: 200, description: "A page of dead letters.", schema: pageSchema },
      }),
      async handle(context) {
        const page = await deadLetters.list(context.get("principal"), filterOf(context), "text");
        return answerJson(context, page);
      },
    },
    {
      method: "DELETE",
      path: "/v1/dead-letters",
      spec: describe({
        summary: "Drops a page of the dead letters that match a filter.",
        query: filterQuery,
        success: {
          status: 200,
          description: "Number of dead letters dropped.",
          schema: manySchema,
        },
      }),
      async handle(context) {
        const filter = narrowed(filterOf(context));
        return answerJson(context, await deadLetters.dropMany(context.get("principal"), filter));
      },
    },
    {
      method: "POST",
      path: "/v1/dead-letters/replay",
      spec: describe({
        summary: "Replays a page of the dead letters that match a filter.",
        query: filterQuery,
        success: {
          status: 200,
          description: "Number of dead letters replayed.",
          schema: manySchema,
        },
      }),
      async handle(context) {
        const filter = narrowed(filterOf(context));
        return answerJson(context, await deadLetters.replayMany(context.get("principal"), filter));
      },
    },
    {
      method: "GET",
      path: "/v1/dead-letters/:id",
      spec: describe({
        summary: "Shows a dead letter.",
        success: { status: 200, description: "The dead letter.", schema: deadLetterSchema },
      }),
      async handle(context) {
        return answerJson(
          context,
          await deadLetters.get(context.get("principal"), idOf(context), "text"),
        );
      },
    },
    {
      method: "POST",
      path: "/v1/dead-letters/:id/replay",
      spec: describe({
        summary: "Delivers or publishes the entry of a dead letter again.",
        success: {
          status: 202,
          description: "The entry is being delivered, or is published.",
          schema: replayedSchema,
        },
      }),
      async handle(context) {
        const replayed = await deadLetters.replay(context.get("principal"), idOf(context));
        return answerJson(context, replayed, 202);
      },
    },
    {
      method: "DELETE",
      path: "/v1/dead-letters/:id",
      spec: describe({
        summary: "Drops a dead letter.",
        success: { status: 204, description: "The dead letter is dropped." },
      }),
      async handle(context) {
        await deadLetters.drop(context.get("principal"), idOf(context));
        return answerNothing(context);
      },
    },
  ];
}

/**
 * Returns a filter that names at least a channel, subscriber or reason; throws `bad_message` for any other.
 *
 * A filter left out by mistake would select all dead letters.
 */
function narrowed(filter: z.infer<typeof filterQuery>): z.infer<typeof filterQuery> {
  const { channel, subscriber, reason } = filter;
  if (channel || subscriber || reason) return filter;
  throw new MilepostError("bad_message", "name the dead letters by channel, subscriber or reason");
}
