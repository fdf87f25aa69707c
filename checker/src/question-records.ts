/** Question as a gateway told it to the program that asked. Times are those of the journal. */
export interface AskedRecord {
  readonly type: "asked";
  readonly operation: string;
  readonly key: string;
  readonly question: string;
  /** Deadline, and the default as JSON, where the question has them. */
  readonly deadline?: number;
  readonly default?: string;
}

/** Answer that a gateway took from a person, for the first time or repeated. */
export interface AnswerTakenRecord {
  readonly type: "answer_taken";
  readonly question: string;
  readonly by: string;
  /** Answer as JSON. */
  readonly answer: string;
}

/** End of an operation, or of a question by the wish of the program that asked, as a gateway confirmed it. */
export interface QuestionOverRecord {
  readonly type: "question_over";
  readonly operation: string;
  /** The withdrawn question; absent when the whole operation has ended. */
  readonly question?: string;
}

/** State of a question after everything has healed. */
export interface QuestionStateRecord {
  readonly type: "question_state";
  readonly operation: string;
  readonly question: string;
  readonly key: string;
  readonly status: "open" | "answered" | "expired" | "withdrawn";
  readonly by?: string;
  readonly by_default: boolean;
  readonly answer?: string;
  readonly asked: number;
  readonly deadline?: number;
  readonly default?: string;
  readonly settled?: number;
  /** Times of the steps of its escalation, and how many have been taken. */
  readonly escalates: readonly number[];
  readonly level: number;
  /** People that may answer now. */
  readonly audience: readonly string[];
  /** People whose inboxes have it. */
  readonly inboxes: readonly string[];
  /** Status and answer in the state that readers of the operation fold; absent if it is not there. */
  readonly shown?: { readonly status: string; readonly answer?: string; readonly level: number };
}

/** End of the questions: every question that a program was told of has had its state. */
export interface QuestionsEndRecord {
  readonly type: "questions_end";
}

/** Any fact about questions. */
export type QuestionFact =
  | AskedRecord
  | AnswerTakenRecord
  | QuestionOverRecord
  | QuestionStateRecord
  | QuestionsEndRecord;
