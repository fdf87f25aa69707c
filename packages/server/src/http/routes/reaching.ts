import { z } from "zod";
import { answerJson, answerNothing } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpContext, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readAs, readJsonAs } from "../reading.ts";

const rules = z
  .strictObject({
    done: z.boolean().exactOptional(),
    failed: z.boolean().exactOptional(),
    question: z.boolean().exactOptional(),
    notification: z.boolean().exactOptional(),
    slower_than_ms: z.number().exactOptional(),
  })
  .meta({
    id: "ReachRules",
    description: "Things that are told; done, failed and question if nothing is said.",
  });

const pushSchema = z
  .strictObject({
    subscription: z.object({
      endpoint: z.string(),
      keys: z.object({ p256dh: z.string(), auth: z.string() }),
    }),
    rules: rules.exactOptional(),
  })
  .meta({ id: "AddPushSubscription", description: "A push subscription, as a browser gives it." });

const pushViewSchema = z
  .object({ id: z.string(), endpoint: z.string(), rules, since: z.number() })
  .meta({ id: "PushSubscription" });

const webhookSchema = z
  .strictObject({
    url: z.string(),
    rules: rules.exactOptional(),
    users: z.array(z.string()).max(100).exactOptional(),
    when: z.enum(["away", "always"]).exactOptional(),
  })
  .meta({
    id: "AddWebhook",
    description: "An https address that is called for things of users who are away, or of all.",
  });

const webhookViewSchema = z
  .object({
    id: z.string(),
    url: z.string(),
    rules,
    users: z.array(z.string()).optional(),
    when: z.enum(["away", "always"]),
    since: z.number(),
  })
  .meta({ id: "Webhook" });

const addedWebhookSchema = webhookViewSchema
  .extend({ secret: z.string() })
  .meta({ id: "AddedWebhook" });

const deliveriesQuery = z.object({
  limit: z.coerce.number().pipe(z.int().min(1).max(500)).exactOptional(),
});
const retrySchema = z
  .strictObject({ id: z.string().min(1).max(512) })
  .meta({ id: "RetryDelivery" });
const deliveriesSchema = z
  .object({
    deliveries: z.array(
      z.object({
        id: z.string(),
        to: z.enum(["webhook", "push"]),
        target: z.string(),
        user: z.string(),
        about: z.string(),
        title: z.string(),
        attempts: z.int(),
        due_at: z.number(),
        sending: z.boolean(),
      }),
    ),
    waiting: z.int(),
  })
  .meta({ id: "DeliveryList" });

/** Endpoints of the ways to reach users who are away: push subscriptions and webhooks. */
export function reachingEndpoints({ core }: HttpDoorOptions): readonly Endpoint[] {
  const { reaching } = core;
  const read = (context: HttpContext) =>
    readBody(context.env.incoming, core.limits.maxMessageBytes);
  return [
    {
      method: "GET",
      path: "/v1/push-key",
      spec: describe({
        summary: "Returns the public key with which pages subscribe to web push.",
        success: {
          status: 200,
          description: "The key.",
          schema: z.object({ key: z.string() }).meta({ id: "PushKey" }),
        },
      }),
      async handle(context) {
        return answerJson(context, { key: reaching.pushKey(context.get("principal")) });
      },
    },
    {
      method: "POST",
      path: "/v1/users/:id/push-subscriptions",
      spec: describe({
        summary: "Adds or renews a push subscription of a user.",
        body: { "application/json": pushSchema },
        success: { status: 201, description: "The subscription.", schema: pushViewSchema },
      }),
      async handle(context) {
        const input = accepted(readJsonAs(pushSchema, await read(context)));
        const user = context.req.param("id") ?? "";
        const added = await reaching.addPush(context.get("principal"), user, input);
        return answerJson(context, added, 201);
      },
    },
    {
      method: "GET",
      path: "/v1/users/:id/push-subscriptions",
      spec: describe({
        summary: "Lists the push subscriptions of a user.",
        success: {
          status: 200,
          description: "The subscriptions, without their keys.",
          schema: z
            .object({ subscriptions: z.array(pushViewSchema) })
            .meta({ id: "PushSubscriptions" }),
        },
      }),
      async handle(context) {
        const user = context.req.param("id") ?? "";
        const subscriptions = await reaching.listPush(context.get("principal"), user);
        return answerJson(context, { subscriptions });
      },
    },
    {
      method: "DELETE",
      path: "/v1/users/:id/push-subscriptions/:subscription",
      spec: describe({
        summary: "Removes a push subscription of a user.",
        success: { status: 204, description: "The subscription is removed." },
      }),
      async handle(context) {
        const user = context.req.param("id") ?? "";
        const id = context.req.param("subscription") ?? "";
        await reaching.removePush(context.get("principal"), user, id);
        return answerNothing(context);
      },
    },
    {
      method: "POST",
      path: "/v1/webhooks",
      spec: describe({
        summary: "Adds a webhook. The answer has the secret that signs its calls, only this once.",
        body: { "application/json": webhookSchema },
        success: { status: 201, description: "The webhook.", schema: addedWebhookSchema },
      }),
      async handle(context) {
        const input = accepted(readJsonAs(webhookSchema, await read(context)));
        const added = await reaching.addWebhook(context.get("principal"), input);
        context.env.outgoing.setHeader("Cache-Control", "no-store");
        return answerJson(context, added, 201);
      },
    },
    {
      method: "GET",
      path: "/v1/webhooks",
      spec: describe({
        summary:
          "Lists the webhooks that this API key added; all of them for a key without scopes.",
        success: {
          status: 200,
          description: "The webhooks, without their secrets.",
          schema: z.object({ webhooks: z.array(webhookViewSchema) }).meta({ id: "Webhooks" }),
        },
      }),
      async handle(context) {
        const webhooks = await reaching.listWebhooks(context.get("principal"));
        return answerJson(context, { webhooks });
      },
    },
    {
      method: "GET",
      path: "/v1/deliveries",
      spec: describe({
        summary: "Lists the messages to webhooks and pushes that wait, the next due first.",
        query: deliveriesQuery,
        success: {
          status: 200,
          description: "The messages, without their texts.",
          schema: deliveriesSchema,
        },
      }),
      async handle(context) {
        const { limit } = accepted(readAs(deliveriesQuery, context.req.query()));
        return answerJson(context, await reaching.deliveries(context.get("principal"), limit));
      },
    },
    {
      method: "POST",
      path: "/v1/deliveries/retry",
      spec: describe({
        summary: "Makes a waiting message due at once.",
        body: { "application/json": retrySchema },
        success: { status: 204, description: "It is sent within a second." },
      }),
      async handle(context) {
        const { id } = accepted(readJsonAs(retrySchema, await read(context)));
        context.set("target", { id });
        await reaching.retry(context.get("principal"), id);
        return answerNothing(context);
      },
    },
    {
      method: "DELETE",
      path: "/v1/webhooks/:id",
      spec: describe({
        summary: "Removes a webhook.",
        success: { status: 204, description: "The webhook is removed." },
      }),
      async handle(context) {
        await reaching.removeWebhook(context.get("principal"), context.req.param("id") ?? "");
        return answerNothing(context);
      },
    },
  ];
}
