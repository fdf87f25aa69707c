import { MilepostError } from "@milepost/protocol";
import { answerJson } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpContext, HttpDoorOptions } from "../endpoint.ts";
import { accepted, readAs, readExactJsonAs } from "../reading.ts";
import {
  inputWaitSchema,
  pendingInputsSchema,
  sendInputSchema,
  sentInputSchema,
} from "../schemas.ts";

const path = "/v1/operations/:id/inputs";

/** Endpoints for messages to operations: people send them, and a producer waits for them. */
export function inputEndpoints({ core, closing }: HttpDoorOptions): readonly Endpoint[] {
  const { operations } = core;
  const operationOf = (context: HttpContext) => context.req.param("id") ?? "";
  return [
    {
      method: "POST",
      path,
      spec: describe({
        summary: "Sends a message into a running operation.",
        body: { "application/json": sendInputSchema },
        success: {
          status: 202,
          description: "The message is in the operation's log.",
          schema: sentInputSchema,
        },
      }),
      async handle(context) {
        const text = await readBody(context.env.incoming, core.limits.maxMessageBytes);
        const input = accepted(readExactJsonAs(sendInputSchema, text));
        const sent = await operations.input(context.get("principal"), operationOf(context), input);
        return answerJson(context, sent, 202);
      },
    },
    {
      method: "GET",
      path,
      spec: describe({
        summary:
          "Lists the messages that the producer of an operation has not finished; with wait, waits for the first.",
        query: inputWaitSchema,
        success: { status: 200, description: "Oldest first.", schema: pendingInputsSchema },
      }),
      async handle(context) {
        const { wait = 0, after = 0 } = accepted(readAs(inputWaitSchema, context.req.query()));
        const inputs = await operations.pendingInputs(
          context.get("principal"),
          operationOf(context),
          after,
          wait * 1000,
          AbortSignal.any([context.req.raw.signal, closing]),
        );
        if (closing.aborted && wait > 0 && inputs.length === 0) {
          // With an empty list, the producer would ask this node again at once, over and over.
          throw new MilepostError("shutting_down", "this node is shutting down; wait at another", {
            retryAfterMs: 1_000,
          });
        }
        return answerJson(context, { inputs });
      },
    },
  ];
}
