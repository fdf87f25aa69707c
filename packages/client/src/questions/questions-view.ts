import type { Question } from "@milepost/model";
import type { MilepostError } from "@milepost/protocol";

/**
 * Questions that a page shows. `loading`: the gateway has not answered yet. `none`: there is nobody to ask, because the
 * credential names neither user nor session, or no such operation. `live`: they are current. `stale`: the connection or
 * the store is away, so they are the last known ones. `failed`: the gateway refused, and `error` says why.
 */
export interface QuestionsView {
  readonly status: "loading" | "none" | "live" | "stale" | "failed";
  /** Questions that wait for an answer, the one asked first in front. Those put aside by this person are not among them. */
  readonly open: readonly Question[];
  /** Open questions that this person has put aside, the one that comes back first in front. */
  readonly snoozed: readonly Question[];
  /** Questions that are over, the one settled last in front: who answered what and when. At most 20. */
  readonly settled: readonly Question[];
  readonly error: MilepostError | undefined;
}

/** Additions to an answer. */
export interface AnswerOptions {
  /** Text for whoever reads the answer, at most 1,000 characters. */
  readonly comment?: string;
}

/** Questions of one operation, or those that wait for this client's person. Live while it has subscribers. */
export interface QuestionsHandle {
  getSnapshot(): QuestionsView;
  subscribe(listener: () => void): () => void;
  /**
   * Answers a question. Resolves with the question as it is then. Rejects with `already_answered` if somebody else was
   * first: by then the question is in `settled` with that answer. Rejects with `invalid_data` for an answer that does
   * not fit, with `forbidden` for a person that may not answer, and with `not_possible_now` if the question is over.
   * The request is sent again after a lost connection; the same answer counts once.
   */
  answer(id: string, answer: unknown, options?: AnswerOptions): Promise<Question>;
  /** Puts a question aside for this person alone, `forMs` milliseconds long (by default an hour). It stays open. */
  notNow(id: string, forMs?: number): Promise<Question>;
}
