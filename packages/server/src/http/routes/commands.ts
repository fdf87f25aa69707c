import type { CommandSource } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { answerJson } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpContext, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readAs, readExactJsonAs } from "../reading.ts";
import {
  pendingCommandsSchema,
  producerWaitSchema,
  requestCommandSchema,
  requestCommandsSchema,
  requestedCommandSchema,
  requestedCommandsSchema,
  waitSchema,
} from "../schemas.ts";

/** Endpoints for commands: a client requests one, and a producer waits for them. */
export function commandEndpoints({ core, closing }: HttpDoorOptions): readonly Endpoint[] {
  const { operations } = core;

  async function pending(
    context: HttpContext,
    source: CommandSource,
    waitSeconds: number,
  ): Promise<Response> {
    const commands = await operations.pendingCommands(
      context.get("principal"),
      source,
      waitSeconds * 1000,
      AbortSignal.any([context.req.raw.signal, closing]),
    );
    if (closing.aborted && commands.length === 0) {
      // With an empty list, the producer would ask this node again at once, over and over.
      throw new MilepostError("shutting_down", "this node is shutting down; wait at another node", {
        retryAfterMs: 1_000,
      });
    }
    return answerJson(context, { commands });
  }

  return [
    {
      method: "POST",
      path: "/v1/operations/:id/commands",
      spec: describe({
        summary:
          "Sends a command to the producer of an operation: cancel, pause, resume, retry, or one of its own.",
        body: { "application/json": requestCommandSchema },
        success: {
          status: 202,
          description: "The command is in the operation's log.",
          schema: requestedCommandSchema,
        },
      }),
      async handle(context) {
        const text = await readBody(context.env.incoming, core.limits.maxMessageBytes);
        const input = accepted(readExactJsonAs(requestCommandSchema, text));
        const id = context.req.param("id") ?? "";
        return answerJson(
          context,
          await operations.command(context.get("principal"), id, input),
          202,
        );
      },
    },
    {
      method: "POST",
      path: "/v1/operations/commands",
      spec: describe({
        summary: "Sends one command to all operations of a filter, a page at a time.",
        body: { "application/json": requestCommandsSchema },
        success: {
          status: 200,
          description: "One result for each operation of the page.",
          schema: requestedCommandsSchema,
        },
      }),
      async handle(context) {
        const text = await readBody(context.env.incoming, core.limits.maxMessageBytes);
        const input = accepted(readExactJsonAs(requestCommandsSchema, text));
        context.set("target", { command: input.command, ...input.filter });
        return answerJson(context, await operations.commandAll(context.get("principal"), input));
      },
    },
    {
      method: "GET",
      path: "/v1/operations/:id/commands",
      spec: describe({
        summary:
          "Lists the unacknowledged commands of an operation; with wait, waits for the first.",
        query: waitSchema,
        success: { status: 200, description: "Oldest first.", schema: pendingCommandsSchema },
      }),
      async handle(context) {
        const { wait = 0 } = accepted(readAs(waitSchema, context.req.query()));
        return pending(context, { operation: context.req.param("id") ?? "" }, wait);
      },
    },
    {
      method: "GET",
      path: "/v1/commands",
      spec: describe({
        summary:
          "Lists the unacknowledged commands of all operations of a producer; with wait, waits for the first.",
        query: producerWaitSchema,
        success: { status: 200, description: "Oldest first.", schema: pendingCommandsSchema },
      }),
      async handle(context) {
        const { producer, wait = 0 } = accepted(readAs(producerWaitSchema, context.req.query()));
        return pending(context, { producer }, wait);
      },
    },
  ];
}
