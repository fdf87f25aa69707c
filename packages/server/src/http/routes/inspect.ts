import { defaultLimits } from "@milepost/core";
import { z } from "zod";
import { answerJson } from "../answer.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readAs } from "../reading.ts";

const channelsQuery = z.object({
  prefix: z
    .string()
    .max(255)
    .meta({ description: "Beginning of the names to list." })
    .exactOptional(),
  after: z
    .string()
    .max(255)
    .meta({ description: "The next value of the page before." })
    .exactOptional(),
  limit: z.coerce.number().pipe(z.int().min(1).max(1_000)).exactOptional(),
});

const openChannelsSchema = z
  .object({
    node: z.string(),
    channels: z.array(
      z.object({ channel: z.string(), readers: z.int(), position: z.string().exactOptional() }),
    ),
    total: z.int(),
    next: z.string().exactOptional(),
  })
  .meta({
    id: "OpenChannels",
    description: "Channels that have readers on the node that answers.",
  });

const ruleShape = { pattern: z.string(), origin: z.string(), index: z.int() };
const ruleSchema = z.object(ruleShape).meta({ id: "RulePlace" });

const channelSchema = z
  .object({
    channel: z.string(),
    node: z.string(),
    readers: z.int(),
    position: z.string().exactOptional(),
    entries: z.int(),
    appended: z.int(),
    ended: z.object({ at: z.number(), reason: z.string() }).exactOptional(),
    projection: z.string().exactOptional(),
    retention: z.object({
      max_entries: z.number(),
      max_age_ms: z.number(),
      max_bytes: z.number().exactOptional(),
    }),
    rule: ruleSchema,
  })
  .meta({ id: "ChannelInsight" });

const ruleListSchema = z
  .object({
    rules: z.array(z.object({ ...ruleShape, unreachable_by: ruleSchema.exactOptional() })),
  })
  .meta({ id: "RuleList" });

const explanationSchema = z
  .object({
    channel: z.string(),
    holds: ruleSchema,
    rule: z.record(z.string(), z.unknown()),
    captures: z.record(z.string(), z.string()),
    tried: z.array(z.object({ ...ruleShape, why: z.string() })),
    roll_up: z.string().exactOptional(),
    unreadable: z.string().exactOptional(),
  })
  .meta({ id: "RuleExplanation" });

const limitsSchema = z
  .object({
    node: z.string(),
    limits: z.record(z.string(), z.number()).meta({
      description: `The limits of the node, ${Object.keys(defaultLimits).length} of them.`,
    }),
    limited: z.array(
      z.object({
        limit: z.string(),
        who: z.string(),
        count: z.int(),
        first_at: z.number(),
        last_at: z.number(),
      }),
    ),
  })
  .meta({ id: "LimitReport" });

const holderSchema = z
  .object({
    operation_id: z.string(),
    service: z.string().exactOptional(),
    node: z.string().exactOptional(),
    lease: z
      .object({
        holder: z.string().exactOptional(),
        held: z.boolean(),
        fence: z.int(),
        since: z.number(),
        last_sign_at: z.number(),
        expires_at: z.number(),
        ttl_ms: z.number(),
      })
      .exactOptional(),
  })
  .meta({ id: "OperationHolder" });

/** Endpoints with which administrators look into a node, by the scope `inspect`. */
export function inspectEndpoints({ core }: HttpDoorOptions): readonly Endpoint[] {
  const { insight } = core;
  return [
    {
      method: "GET",
      path: "/v1/channels",
      spec: describe({
        summary: "Lists the channels that have readers on the node that answers.",
        query: channelsQuery,
        success: {
          status: 200,
          description: "A page, sorted by name.",
          schema: openChannelsSchema,
        },
      }),
      async handle(context) {
        const filter = accepted(readAs(channelsQuery, context.req.query()));
        return answerJson(context, insight.channels(context.get("principal"), filter));
      },
    },
    {
      method: "GET",
      path: "/v1/channels/:channel",
      spec: describe({
        summary: "Describes a channel: its newest position, its readers and its rule.",
        success: { status: 200, description: "The channel.", schema: channelSchema },
      }),
      async handle(context) {
        const channel = context.req.param("channel") ?? "";
        return answerJson(context, await insight.channel(context.get("principal"), channel));
      },
    },
    {
      method: "GET",
      path: "/v1/rules",
      spec: describe({
        summary: "Lists the rules of the node in their order.",
        success: { status: 200, description: "The rules.", schema: ruleListSchema },
      }),
      async handle(context) {
        return answerJson(context, insight.rules(context.get("principal")));
      },
    },
    {
      method: "GET",
      path: "/v1/rules/:channel",
      spec: describe({
        summary: "Says which rule holds for the name of a channel, and why no earlier one does.",
        success: { status: 200, description: "The explanation.", schema: explanationSchema },
      }),
      async handle(context) {
        const channel = context.req.param("channel") ?? "";
        return answerJson(context, insight.explain(context.get("principal"), channel));
      },
    },
    {
      method: "GET",
      path: "/v1/limits",
      spec: describe({
        summary: "Returns the limits of the node that answers, and who reached them lately.",
        success: { status: 200, description: "The latest first.", schema: limitsSchema },
      }),
      async handle(context) {
        return answerJson(context, insight.limits(context.get("principal")));
      },
    },
    {
      method: "GET",
      path: "/v1/operations/:id/holder",
      spec: describe({
        summary: "Returns who holds an operation, on which node, and when it was last heard of.",
        success: { status: 200, description: "The holder.", schema: holderSchema },
      }),
      async handle(context) {
        const id = context.req.param("id") ?? "";
        return answerJson(context, await insight.holder(context.get("principal"), id));
      },
    },
  ];
}
