/** Form of a question: yes or no, one of several options, or a value that a JSON Schema describes. */
export type QuestionKind = "approve" | "choose" | "input";

/** Phases of a question. `answered`, `expired` and `withdrawn` are final. */
export type QuestionStatus = "open" | "answered" | "expired" | "withdrawn";

/** Step in the life of a question, as an event of the operation's log says it. */
export type QuestionPhase = "asked" | "escalated" | "answered" | "expired" | "withdrawn";

/** An option of a question of the kind `choose`. The answer is its id. */
export interface QuestionOption {
  readonly id: string;
  /** Title for people; the id if absent. */
  readonly title?: string;
  readonly description?: string;
}

/** People that a question is for: users by id, and holders of roles by the `roles` of their tokens. */
export interface QuestionAudience {
  readonly users?: readonly string[];
  readonly roles?: readonly string[];
}

/** Step of an escalation: so long after the question was asked, these people may answer it too. */
export interface QuestionEscalation {
  readonly after_ms: number;
  readonly for: QuestionAudience;
}

/** Body of `POST /v1/operations/{id}/questions`. */
export interface AskQuestion {
  readonly kind: QuestionKind;
  /** Text for people. */
  readonly prompt: string;
  /** Options of the kind `choose`. A plain text is an option with that id. */
  readonly options?: readonly (string | QuestionOption)[];
  /** JSON Schema of the answer, for the kind `input`. Without it, any text is an answer. */
  readonly schema?: unknown;
  /** People that may answer. Absent: those who may command the operation, which by default are its owners. */
  readonly for?: QuestionAudience;
  /** Time to answer, in milliseconds. After it, the default is the answer, or the question has expired. */
  readonly deadline_ms?: number;
  /** Answer that the gateway gives at the deadline. */
  readonly default?: unknown;
  /** Further people that may answer if nobody has answered in time; in the order of their times. */
  readonly escalate?: readonly QuestionEscalation[];
  /** True to keep prompt, options, schema and answer out of the operation's log; only those it is for read them. */
  readonly private?: boolean;
  /** Idempotency key: asking again with the same key is the same question, however much later. */
  readonly key?: string;
  /** Lease of the operation. If given, it is checked and renewed, so that an earlier producer cannot ask. */
  readonly lease?: string;
}

/** A question as the API returns it. Times are milliseconds since 1970. */
export interface Question {
  readonly id: string;
  readonly operation_id: string;
  readonly kind: QuestionKind;
  readonly prompt: string;
  readonly options?: readonly QuestionOption[];
  readonly schema?: unknown;
  readonly for?: QuestionAudience;
  readonly escalate?: readonly QuestionEscalation[];
  /** Number of steps of the escalation that have been taken; absent while there was none. */
  readonly level?: number;
  readonly default?: unknown;
  readonly private?: true;
  readonly key?: string;
  /** Title of the operation. */
  readonly title: string;
  readonly operation_kind: string;
  readonly status: QuestionStatus;
  readonly answer?: unknown;
  /** Comment of the person that answered. */
  readonly comment?: string;
  /** User or API key that answered; `default` if the gateway did at the deadline. */
  readonly by?: string;
  /** True if the answer is the default. */
  readonly by_default?: true;
  /** Reason why the question was withdrawn. */
  readonly reason?: string;
  readonly asked_at: number;
  readonly deadline_at?: number;
  /** Time at which it was answered, expired or withdrawn. */
  readonly settled_at?: number;
  /** Time until which the reader has put the question aside; only for the reader. */
  readonly snoozed_until?: number;
  /** True if the reader may answer; only of an open question, and for a reader with a user token. */
  readonly may_answer?: boolean;
}

/** Answer to a request that asks: the question, and whether it had been asked before. */
export interface AskedQuestion {
  readonly question: Question;
  readonly duplicate: boolean;
}

/** Body of `POST /v1/operations/{id}/questions/{qid}/answer`. */
export interface AnswerQuestion {
  readonly answer: unknown;
  readonly comment?: string;
}

/** Filter of `GET /v1/questions`, and of `GET /v1/operations/{id}/questions`. */
export interface QuestionFilter {
  /** Questions that this user, whose id is given, may answer. Only for services; a user sees its own. */
  readonly user?: string;
  /** Questions for the holders of this role. Only for services. */
  readonly role?: string;
  /** Maximum number of questions: 1–200, default 100. */
  readonly limit?: number;
}

/** Answer to `GET /v1/questions`. */
export interface QuestionList {
  readonly questions: readonly Question[];
}

/** A question as the state of its operation contains it. */
export interface QuestionState {
  readonly id: string;
  readonly kind: QuestionKind;
  /** Absent if the question is private. */
  readonly prompt?: string;
  readonly options?: readonly QuestionOption[];
  readonly schema?: unknown;
  readonly for?: QuestionAudience;
  readonly default?: unknown;
  readonly deadline_at?: number;
  readonly level?: number;
  readonly status: QuestionStatus;
  readonly answer?: unknown;
  readonly comment?: string;
  readonly by?: string;
  readonly by_default?: true;
  readonly reason?: string;
  readonly asked_at: number;
  readonly updated_at: number;
}

/** Bounds of questions. Lengths are in characters, of JSON where the value is not a text. */
export const questionBounds = {
  /** Maximum number of open questions of one operation. */
  open: 20,
  /** Number of questions that the state of an operation keeps. */
  kept: 40,
  prompt: 4_000,
  options: 50,
  schema: 16 * 1024,
  answer: 16 * 1024,
  comment: 1_000,
  users: 50,
  roles: 20,
  role: 200,
  escalations: 5,
  /** Longest deadline: 90 days, in milliseconds. */
  deadlineMs: 90 * 86_400_000,
} as const;

/** Returns the questions of an operation that wait for an answer. */
export function openQuestions({
  questions = [],
}: {
  readonly questions?: readonly QuestionState[];
}): readonly QuestionState[] {
  return questions.filter(({ status }) => status === "open");
}
