import type { AnswerQuestion, QuestionFilter } from "@milepost/model";
import { textOf } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./method-services.ts";

const readId = textOf(255);

/** Reads which question a request is about. */
function target(params: unknown): readonly [operationId: string, questionId: string] {
  return orThrow(
    readInput(
      params,
      (fields) =>
        [fields.required("operation_id", readId), fields.required("question_id", readId)] as const,
    ),
  );
}

/** Method `questions.answer {operation_id, question_id, answer, comment?}`: answers a question. */
export const answerQuestion: Method = async ({ questions }, principal, params) =>
  questions.answer(principal, ...target(params), params as AnswerQuestion);

/** Method `questions.snooze {operation_id, question_id, for_ms?}`: puts a question aside for the caller. */
export const snoozeQuestion: Method = async ({ questions }, principal, params) =>
  questions.snooze(principal, ...target(params), params as { readonly for_ms?: number });

/** Method `questions.get {operation_id, question_id}`: reads a question. */
export const getQuestion: Method = async ({ questions }, principal, params) =>
  questions.get(principal, ...target(params));

/** Method `questions.list {operation_id?, user?, role?, limit?}`: lists questions of an operation, or all that are open. */
export const listQuestions: Method = async ({ questions }, principal, params) => {
  const id = orThrow(readInput(params ?? {}, (fields) => fields.optional("operation_id", readId)));
  return id === undefined
    ? questions.open(principal, (params ?? {}) as QuestionFilter)
    : questions.ofOperation(principal, id);
};
