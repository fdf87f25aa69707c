import type { SnoozeInput } from "@milepost/core";
import type { InboxFilter } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { z } from "zod";
import { answerJson } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpContext, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readAs, readExactJsonAs } from "../reading.ts";

const querySchema = z.strictObject({
  filter: z.enum(["unread", "open", "snoozed", "all"]).exactOptional(),
  before: z.coerce.number().int().min(0).exactOptional(),
  limit: z.coerce.number().int().min(1).max(100).exactOptional(),
});
const snoozeSchema = z
  .strictObject({
    until: z
      .union([z.number(), z.string()])
      .meta({ description: "Time, in milliseconds since 1970 or as ISO text." })
      .exactOptional(),
    for_ms: z.number().meta({ description: "Duration, in milliseconds." }).exactOptional(),
  })
  .meta({ id: "Snooze" });
const countsSchema = z.object({
  total: z.number(),
  unread: z.number(),
  open: z.number(),
  snoozed: z.number(),
});
const itemSchema = z
  .object({
    id: z.string(),
    kind: z.enum(["notification", "question"]),
    place: z.number(),
    revision: z.number(),
    at: z.number(),
    role: z.string().exactOptional(),
    read_at: z.number().exactOptional(),
    snoozed_until: z.number().exactOptional(),
    data: z.unknown(),
  })
  .meta({ id: "InboxItem" });
const listSchema = z
  .object({
    items: z.array(itemSchema),
    counts: countsSchema,
    revision: z.number(),
    next: z.number().meta({ description: "Value of before for the next page." }).exactOptional(),
  })
  .meta({ id: "Inbox" });
const markedSchema = z
  .object({ marked: z.number(), counts: countsSchema, revision: z.number() })
  .meta({ id: "InboxMarked" });

/** Endpoints of `/v1/users/{id}/inbox`: list, read and snooze the items of a user's inbox. */
export function inboxEndpoints({ core }: HttpDoorOptions): readonly Endpoint[] {
  const { inbox } = core;
  const who = (context: HttpContext) => context.get("principal");
  const userOf = (context: HttpContext) => context.req.param("id") ?? "";
  const itemOf = (context: HttpContext) => [context.req.param("item") ?? ""];
  const marked = (description: string) => ({ status: 200, description, schema: markedSchema });
  return [
    {
      method: "GET",
      path: "/v1/users/:id/inbox",
      spec: describe({
        summary: "Lists the inbox of a user, newest first.",
        query: querySchema,
        success: { status: 200, description: "A page of the inbox.", schema: listSchema },
      }),
      async handle(context) {
        const query = accepted(readAs(querySchema, context.req.query()));
        const input = query as { filter?: InboxFilter; before?: number; limit?: number };
        return answerJson(context, await inbox.list(who(context), userOf(context), input));
      },
    },
    {
      method: "POST",
      path: "/v1/users/:id/inbox/read",
      spec: describe({
        summary: "Marks all items as read that are not snoozed.",
        success: marked("The items are read."),
      }),
      async handle(context) {
        return answerJson(context, await inbox.read(who(context), userOf(context), "all"));
      },
    },
    {
      method: "POST",
      path: "/v1/users/:id/inbox/:item/read",
      spec: describe({ summary: "Marks an item as read.", success: marked("The item is read.") }),
      async handle(context) {
        const read = await inbox.read(who(context), userOf(context), itemOf(context));
        return answerJson(context, found(read));
      },
    },
    {
      method: "POST",
      path: "/v1/users/:id/inbox/:item/snooze",
      spec: describe({
        summary: "Hides an item until a time, at which it comes back by itself.",
        body: { "application/json": snoozeSchema },
        success: marked("The item is snoozed."),
      }),
      async handle(context) {
        const text = await readBody(context.env.incoming, core.limits.maxMessageBytes);
        const input = accepted(readExactJsonAs(snoozeSchema, text)) as SnoozeInput;
        const snoozed = await inbox.snooze(who(context), userOf(context), itemOf(context), input);
        return answerJson(context, found(snoozed));
      },
    },
  ];
}

function found<T extends { readonly marked: number }>(answer: T): T {
  if (answer.marked > 0) return answer;
  throw new MilepostError("not_found", "the inbox has no item with this id; it may have ended");
}
