import type { QuestionStatus } from "@milepost/model";

/** Question as the store keeps it. What it asks is of no concern to the store. */
export interface StoredQuestion {
  /** Id, unique in the store. */
  readonly id: string;
  readonly operationId: string;
  /** Number of changes so far; 0 for a new question. */
  readonly revision: number;
  readonly status: QuestionStatus;
  /**
   * Names of the lists in which the question is found while it is open: one for each user and role that may
   * answer it.
   */
  readonly lists: readonly string[];
  /** Everything else, as JSON text. */
  readonly json: string;
}

/** A new question. */
export interface NewQuestion extends Omit<StoredQuestion, "revision" | "status"> {
  /** Idempotency key within the operation; absent if asking again is always another question. */
  readonly key?: string;
  /** Id of the question that has the key now and gives it up, because it can have no answer any more. */
  readonly replaces?: string;
}

/** Times of a question, in milliseconds from now. */
export interface QuestionTimes {
  /** Time until something has to be done about the question; absent if there is nothing. */
  readonly dueInMs?: number;
  /** Time until the store forgets the question unless it changes. */
  readonly keepMs: number;
}

/** Bounds of the store. */
export interface QuestionBounds {
  /** Maximum number of open questions of one operation. */
  readonly maxOpen: number;
  /** Maximum number of questions of one operation; the oldest that are not open are dropped. */
  readonly maxPerOperation: number;
  /** Maximum number of questions; those that were settled longest ago are dropped. */
  readonly maxQuestions: number;
}

/** Query for questions; of an operation all, of a list the open ones. */
export type QuestionQuery =
  | { readonly operationId: string; readonly limit: number }
  | { readonly list: string; readonly limit: number };

/**
 * Questions that operations ask people, with their answers. They outlive the logs of their operations.
 *
 * Each method is atomic over all nodes, and rejects with `store_unavailable` when the store cannot answer.
 */
export interface Questions {
  /**
   * Stores a new question, which is open. If a question of the operation has the key already, and is not the one
   * to replace, resolves with that one and stores nothing.
   *
   * Rejects with `rate_limited` when the operation has the maximum number of open questions, and with `store_full`
   * when the store has no room because too many questions are open.
   */
  add(
    question: NewQuestion,
    times: QuestionTimes,
    bounds: QuestionBounds,
  ): Promise<{ readonly question: StoredQuestion; readonly isNew: boolean }>;
  /**
   * Stores the next revision of a question: `question.revision` must be one above the stored one. Of several
   * concurrent changes exactly one is stored. Resolves with the question as it is stored then, which is another
   * one if somebody else was first; undefined when the question is gone.
   */
  change(question: StoredQuestion, times: QuestionTimes): Promise<StoredQuestion | undefined>;
  /** Sets when something has to be done about a question, if its revision is still the given one. */
  schedule(id: string, revision: number, dueInMs: number | undefined): Promise<void>;
  get(id: string): Promise<StoredQuestion | undefined>;
  /** Lists questions, those that were asked last first. */
  list(query: QuestionQuery): Promise<readonly StoredQuestion[]>;
  /** Returns up to `limit` questions that have been due for at least `lateMs` milliseconds, the longest due first. */
  due(lateMs: number, limit: number): Promise<readonly StoredQuestion[]>;
}
