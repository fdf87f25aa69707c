import type { CreateOperation } from "@milepost/model";
import { answerJson } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readAs, readExactJsonAs, readJsonAs } from "../reading.ts";
import {
  createdOperationSchema,
  createOperationSchema,
  leaseSchema,
  operationAtPositionSchema,
  operationFilterSchema,
  operationListSchema,
  takeOverSchema,
} from "../schemas.ts";

/** Endpoints of `/v1/operations`: create, list, read and take over operations. */
export function operationEndpoints({ core }: HttpDoorOptions): readonly Endpoint[] {
  const { operations } = core;
  const maxBytes = core.limits.maxMessageBytes;
  return [
    {
      method: "POST",
      path: "/v1/operations",
      spec: describe({
        summary: "Creates an operation; its lease permits reporting on it.",
        body: { "application/json": createOperationSchema },
        success: {
          status: 201,
          description: "The operation was created, now or by an earlier request.",
          schema: createdOperationSchema,
        },
      }),
      async handle(context) {
        const text = await readBody(context.env.incoming, maxBytes);
        const input = accepted(readExactJsonAs(createOperationSchema, text));
        return answerJson(
          context,
          await operations.create(context.get("principal"), input as CreateOperation),
          201,
        );
      },
    },
    {
      method: "GET",
      path: "/v1/operations",
      spec: describe({
        summary: "Lists operations, newest first.",
        query: operationFilterSchema,
        success: { status: 200, description: "Summaries.", schema: operationListSchema },
      }),
      async handle(context) {
        const filter = accepted(readAs(operationFilterSchema, context.req.query()));
        return answerJson(context, await operations.list(context.get("principal"), filter));
      },
    },
    {
      method: "GET",
      path: "/v1/operations/:id",
      spec: describe({
        summary: "Reads an operation's state.",
        success: { status: 200, description: "The state.", schema: operationAtPositionSchema },
      }),
      async handle(context) {
        const id = context.req.param("id") ?? "";
        return answerJson(context, await operations.get(context.get("principal"), id));
      },
    },
    {
      method: "POST",
      path: "/v1/operations/:id/lease",
      spec: describe({
        summary: "Takes an operation over; its previous producer may no longer report.",
        body: { "application/json": takeOverSchema },
        success: { status: 200, description: "A lease with a higher fence.", schema: leaseSchema },
      }),
      async handle(context) {
        const text = await readBody(context.env.incoming, maxBytes);
        const { lease_ms, worker } = accepted(
          readJsonAs(takeOverSchema, text === "" ? "{}" : text),
        );
        const id = context.req.param("id") ?? "";
        return answerJson(
          context,
          await operations.takeOver(context.get("principal"), id, lease_ms, worker),
        );
      },
    },
  ];
}
