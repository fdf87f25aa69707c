import { definedFields } from "@milepost/protocol";
import { changeItems, putItem } from "./item-list.ts";
import type { OperationEvents } from "./operation-event.ts";
import { type QuestionState, type QuestionStatus, questionBounds } from "./question.ts";
import { without } from "./without.ts";

type Questions = readonly QuestionState[];
type Report = OperationEvents["question"];

const settled = { answered: "answered", expired: "expired", withdrawn: "withdrawn" } as const;

/**
 * Applies what happened to a question. Returns the same list for a question that is unknown, asked already or no
 * longer open.
 *
 * A list at its bound drops the oldest question that is not open first.
 */
export function reportQuestion(questions: Questions, report: Report, ts: number): Questions {
  const { question_id: id, phase, ...said } = report;
  const before = questions.find((one) => one.id === id);
  if (phase === "asked") {
    const { kind, prompt, options, schema, deadline_at, default: standard } = said;
    if (before !== undefined || kind === undefined) return questions;
    const asked: QuestionState = {
      id,
      kind,
      ...definedFields({ prompt, options, schema, for: said.for, default: standard, deadline_at }),
      status: "open",
      asked_at: ts,
      updated_at: ts,
    };
    return putItem(questions, asked, questionBounds.kept, (one) => one.status !== "open");
  }
  if (before?.status !== "open") return questions;
  if (phase === "escalated") {
    const { level } = said;
    const after = { ...before, ...definedFields({ level, for: said.for }), updated_at: ts };
    return changeItems(
      questions,
      (one) => one.id === id,
      () => after,
    );
  }
  const { answer, by, by_default, comment, reason } = said;
  const after = {
    ...settle(before, settled[phase], ts),
    ...definedFields({ answer, by, by_default, comment, reason }),
  };
  return changeItems(
    questions,
    (one) => one.id === id,
    () => after,
  );
}

/** Withdraws every open question, because its operation has ended with this status. */
export function withdrawQuestions(questions: Questions, reason: string, ts: number): Questions {
  return changeItems(
    questions,
    ({ status }) => status === "open",
    (one) => ({ ...settle(one, "withdrawn", ts), reason }),
  );
}

/** Settles a question. What only a form needs is left out from then on, which keeps states small. */
function settle(question: QuestionState, status: QuestionStatus, ts: number): QuestionState {
  return { ...without(question, "schema", "default"), status, updated_at: ts };
}
