import { MilepostError } from "@milepost/protocol";
import { answerJson } from "../answer.ts";
import { readBody } from "../body.ts";
import { describe } from "../description.ts";
import type { Endpoint, HttpContext, HttpDoorOptions } from "../endpoint.ts";
import {
  answerQuestionSchema,
  askQuestionSchema,
  questionFilterSchema,
  questionListSchema,
  questionResultSchema,
  questionSchema,
  snoozeQuestionSchema,
} from "../question-schemas.ts";
import { accepted, readAs, readExactJsonAs, readJsonAs } from "../reading.ts";
import { waitSchema } from "../schemas.ts";

const path = "/v1/operations/:id/questions";

/** Endpoints for the questions of operations: a producer asks and waits, and people answer. */
export function questionEndpoints({ core, closing }: HttpDoorOptions): readonly Endpoint[] {
  const { questions } = core;
  const body = (context: HttpContext) =>
    readBody(context.env.incoming, core.limits.maxMessageBytes);
  const operationOf = (context: HttpContext) => context.req.param("id") ?? "";
  const questionOf = (context: HttpContext) => context.req.param("question") ?? "";

  return [
    {
      method: "POST",
      path,
      spec: describe({
        summary: "Asks people a question on behalf of an operation.",
        body: { "application/json": askQuestionSchema },
        success: {
          status: 201,
          description: "The question was asked, now or by an earlier request with its key.",
          schema: questionResultSchema,
        },
      }),
      async handle(context) {
        const input = accepted(readExactJsonAs(askQuestionSchema, await body(context)));
        const asked = await questions.ask(context.get("principal"), operationOf(context), input);
        return answerJson(context, asked, 201);
      },
    },
    {
      method: "GET",
      path,
      spec: describe({
        summary: "Lists the questions of an operation, those asked last first.",
        success: { status: 200, description: "The questions.", schema: questionListSchema },
      }),
      async handle(context) {
        return answerJson(
          context,
          await questions.ofOperation(context.get("principal"), operationOf(context)),
        );
      },
    },
    {
      method: "GET",
      path: `${path}/:question`,
      spec: describe({
        summary:
          "Reads a question; with wait, waits until it is answered, has expired or was withdrawn.",
        query: waitSchema,
        success: { status: 200, description: "The question.", schema: questionSchema },
      }),
      async handle(context) {
        const { wait = 0 } = accepted(readAs(waitSchema, context.req.query()));
        const question = await questions.get(
          context.get("principal"),
          operationOf(context),
          questionOf(context),
          wait * 1000,
          AbortSignal.any([context.req.raw.signal, closing]),
        );
        if (closing.aborted && wait > 0 && question.status === "open") {
          // An early answer would let the producer ask this node again at once, over and over.
          throw new MilepostError("shutting_down", "this node is shutting down; wait at another", {
            retryAfterMs: 1_000,
          });
        }
        return answerJson(context, question);
      },
    },
    {
      method: "DELETE",
      path: `${path}/:question`,
      spec: describe({
        summary: "Withdraws a question whose answer the work no longer needs.",
        success: { status: 200, description: "The question as it is now.", schema: questionSchema },
      }),
      async handle(context) {
        return answerJson(
          context,
          await questions.withdraw(
            context.get("principal"),
            operationOf(context),
            questionOf(context),
          ),
        );
      },
    },
    {
      method: "POST",
      path: `${path}/:question/answer`,
      spec: describe({
        summary: "Answers a question; the first answer counts.",
        body: { "application/json": answerQuestionSchema },
        success: {
          status: 200,
          description: "The answer was taken, now or by an earlier request of the same person.",
          schema: questionResultSchema,
        },
      }),
      async handle(context) {
        const input = accepted(readExactJsonAs(answerQuestionSchema, await body(context)));
        return answerJson(
          context,
          await questions.answer(
            context.get("principal"),
            operationOf(context),
            questionOf(context),
            input,
          ),
        );
      },
    },
    {
      method: "POST",
      path: `${path}/:question/snooze`,
      spec: describe({
        summary: "Puts a question aside for the caller; it stays open.",
        body: { "application/json": snoozeQuestionSchema },
        success: { status: 200, description: "The question.", schema: questionSchema },
      }),
      async handle(context) {
        const text = await body(context);
        const input = accepted(readJsonAs(snoozeQuestionSchema, text === "" ? "{}" : text));
        return answerJson(
          context,
          await questions.snooze(
            context.get("principal"),
            operationOf(context),
            questionOf(context),
            input,
          ),
        );
      },
    },
    {
      method: "GET",
      path: "/v1/questions",
      spec: describe({
        summary: "Lists the open questions that wait for the caller, or for a user or role.",
        query: questionFilterSchema,
        success: { status: 200, description: "The questions.", schema: questionListSchema },
      }),
      async handle(context) {
        const filter = accepted(readAs(questionFilterSchema, context.req.query()));
        return answerJson(context, await questions.open(context.get("principal"), filter));
      },
    },
  ];
}
