import type {
  AnswerQuestion,
  AskedQuestion,
  AskQuestion,
  Question,
  QuestionFilter,
  QuestionList,
} from "@milepost/model";
import type { Principal } from "../rules/principal.ts";

/** An answer that was taken: the question, and whether the same person had given the same answer before. */
export interface AnsweredQuestion {
  readonly question: Question;
  readonly duplicate: boolean;
}

/**
 * Methods for the questions of operations, each called on behalf of a principal. Every method checks what its principal
 * may do. A question that the principal may not see is `not_found`.
 */
export interface QuestionService {
  /** Asks a question. The same key means the same question, whose answer may be there already. */
  ask(principal: Principal, operationId: string, input: AskQuestion): Promise<AskedQuestion>;
  /**
   * Returns a question. While it is open, waits up to `waitMs` milliseconds for its end, at most 60,000, and no longer
   * than until the signal aborts.
   */
  get(
    principal: Principal,
    operationId: string,
    questionId: string,
    waitMs?: number,
    signal?: AbortSignal,
  ): Promise<Question>;
  /**
   * Answers a question. The first answer counts, over all nodes. Rejects with `already_answered` that says who was
   * first, with `invalid_data` for an answer that does not fit, with `forbidden` for a reader that may not answer, and
   * with `not_possible_now` for a question that has expired or was withdrawn.
   */
  answer(
    principal: Principal,
    operationId: string,
    questionId: string,
    input: AnswerQuestion,
  ): Promise<AnsweredQuestion>;
  /** Puts a question aside for the principal alone, `for_ms` milliseconds long; it stays open for everybody. */
  snooze(
    principal: Principal,
    operationId: string,
    questionId: string,
    input?: { readonly for_ms?: number },
  ): Promise<Question>;
  /** Withdraws a question, because the work does not need the answer any more. Only for services. */
  withdraw(principal: Principal, operationId: string, questionId: string): Promise<Question>;
  /** Lists the questions of an operation that the principal may see, those asked last first. */
  ofOperation(principal: Principal, operationId: string): Promise<QuestionList>;
  /** Lists the open questions that wait for the principal, or for the user or role of the filter. */
  open(principal: Principal, filter: QuestionFilter): Promise<QuestionList>;
}

/** Place where people see the questions that wait for them. Both methods may be called more than once for a question. */
export interface QuestionBoard {
  /** Shows an open question to the people that may answer it, or to those that now may too. */
  put(question: Question, lists: readonly string[]): Promise<void>;
  /** Removes a question that has been answered, has expired or was withdrawn. */
  close(question: Question, lists: readonly string[]): Promise<void>;
  /** Puts a question aside for one principal, until a time in milliseconds since 1970. */
  snooze(principal: Principal, question: Question, until: number): Promise<void>;
}
