import type {
  ClaimTicket,
  ConfigureQueue,
  ExtendTicket,
  FailTicket,
  FinishTicket,
  JoinQueue,
} from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import type { z } from "zod";
import { answerJson, answerNothing } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpContext, HttpDoorOptions } from "../endpoint.ts";
import {
  claimedTicketSchema,
  claimTicketSchema,
  configureQueueSchema,
  extendTicketSchema,
  failTicketSchema,
  finishTicketSchema,
  hoursSchema,
  joinedTicketSchema,
  joinQueueSchema,
  queueListSchema,
  queueSchema,
  ticketSchema,
} from "../queue-schemas.ts";
import { accepted, readAs, readExactJsonAs } from "../reading.ts";
import { waitSchema } from "../schemas.ts";

/** Endpoints of `/v1/queues`: configure and look at queues, join them, and claim tickets as a worker. */
export function queueEndpoints({ core, closing }: HttpDoorOptions): readonly Endpoint[] {
  const { queues } = core;
  const who = (context: HttpContext) => context.get("principal");
  const queueOf = (context: HttpContext) => context.req.param("queue") ?? "";
  const idOf = (context: HttpContext) => context.req.param("id") ?? "";

  async function read<T>(schema: z.ZodType, context: HttpContext): Promise<T> {
    const text = await readBody(context.env.incoming, core.limits.maxMessageBytes);
    return accepted(readExactJsonAs(schema, text)) as T;
  }

  async function claim(context: HttpContext): Promise<Response> {
    const { wait = 0 } = accepted(readAs(waitSchema, context.req.query()));
    const input = await read<ClaimTicket>(claimTicketSchema, context);
    const signal = AbortSignal.any([context.req.raw.signal, closing]);
    const ticket = await queues.claim(who(context), queueOf(context), input, wait * 1_000, signal);
    if (ticket !== undefined) return answerJson(context, ticket);
    if (closing.aborted) {
      // With an empty answer, the worker would ask this node again at once, over and over.
      throw new MilepostError(
        "shutting_down",
        "this node is shutting down; claim at another node",
        {
          retryAfterMs: 1_000,
        },
      );
    }
    return answerNothing(context);
  }

  return [
    {
      method: "GET",
      path: "/v1/queues",
      spec: describe({
        summary: "Lists the queues that the API key may see.",
        success: { status: 200, description: "Sorted by name.", schema: queueListSchema },
      }),
      async handle(context) {
        return answerJson(context, await queues.list(who(context)));
      },
    },
    {
      method: "PUT",
      path: "/v1/queues/:queue",
      spec: describe({
        summary: "Creates a queue, or changes its capacity and the weights of its lanes.",
        body: { "application/json": configureQueueSchema },
        success: { status: 200, description: "The queue.", schema: queueSchema },
      }),
      async handle(context) {
        const input = await read<ConfigureQueue>(configureQueueSchema, context);
        return answerJson(context, await queues.configure(who(context), queueOf(context), input));
      },
    },
    {
      method: "GET",
      path: "/v1/queues/:queue",
      spec: describe({
        summary: "Reads a queue with its analytics of the last hours.",
        query: hoursSchema,
        success: { status: 200, description: "The queue.", schema: queueSchema },
      }),
      async handle(context) {
        const { hours } = accepted(readAs(hoursSchema, context.req.query()));
        return answerJson(context, await queues.view(who(context), queueOf(context), hours));
      },
    },
    {
      method: "POST",
      path: "/v1/queues/:queue/tickets",
      spec: describe({
        summary: "Joins a queue: a user for itself, or a service for a person.",
        body: { "application/json": joinQueueSchema },
        success: {
          status: 201,
          description: "The ticket; with the status 200, one that the person had already.",
          schema: joinedTicketSchema,
        },
      }),
      async handle(context) {
        const input = await read<JoinQueue>(joinQueueSchema, context);
        const joined = await queues.join(who(context), queueOf(context), input);
        return answerJson(context, joined, joined.duplicate ? 200 : 201);
      },
    },
    {
      method: "GET",
      path: "/v1/queues/:queue/tickets/:id",
      spec: describe({
        summary: "Reads a ticket with its position and its estimated wait.",
        success: { status: 200, description: "The ticket.", schema: ticketSchema },
      }),
      async handle(context) {
        return answerJson(context, await queues.get(who(context), queueOf(context), idOf(context)));
      },
    },
    {
      method: "DELETE",
      path: "/v1/queues/:queue/tickets/:id",
      spec: describe({
        summary: "Leaves a queue.",
        success: { status: 204, description: "The ticket does not wait any more." },
      }),
      async handle(context) {
        await queues.leave(who(context), queueOf(context), idOf(context));
        return answerNothing(context);
      },
    },
    {
      method: "POST",
      path: "/v1/queues/:queue/claim",
      spec: describe({
        summary:
          "Claims the next ticket for a worker; with wait, waits for one. 204 if there is none.",
        query: waitSchema,
        body: { "application/json": claimTicketSchema },
        success: {
          status: 200,
          description: "The ticket with its lease.",
          schema: claimedTicketSchema,
        },
      }),
      handle: claim,
    },
    {
      method: "POST",
      path: "/v1/queues/:queue/tickets/:id/extend",
      spec: describe({
        summary: "Extends the lease of a claimed ticket.",
        body: { "application/json": extendTicketSchema },
        success: { status: 200, description: "The ticket.", schema: claimedTicketSchema },
      }),
      async handle(context) {
        const input = await read<ExtendTicket>(extendTicketSchema, context);
        return answerJson(
          context,
          await queues.extend(who(context), queueOf(context), idOf(context), input),
        );
      },
    },
    {
      method: "POST",
      path: "/v1/queues/:queue/tickets/:id/finish",
      spec: describe({
        summary: "Ends a claimed ticket as finished.",
        body: { "application/json": finishTicketSchema },
        success: { status: 200, description: "The ticket.", schema: ticketSchema },
      }),
      async handle(context) {
        const input = await read<FinishTicket>(finishTicketSchema, context);
        return answerJson(
          context,
          await queues.finish(who(context), queueOf(context), idOf(context), input),
        );
      },
    },
    {
      method: "POST",
      path: "/v1/queues/:queue/tickets/:id/fail",
      spec: describe({
        summary: "Ends a claimed ticket as failed, or gives it back to its old place.",
        body: { "application/json": failTicketSchema },
        success: { status: 200, description: "The ticket.", schema: ticketSchema },
      }),
      async handle(context) {
        const input = await read<FailTicket>(failTicketSchema, context);
        return answerJson(
          context,
          await queues.fail(who(context), queueOf(context), idOf(context), input),
        );
      },
    },
  ];
}
