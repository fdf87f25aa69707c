import type { StoredQuestion } from "@milepost/engine";
import {
  isFinal,
  type OperationEvent,
  type OperationState,
  type Question,
  type QuestionAudience,
  type QuestionPhase,
  type QuestionStatus,
} from "@milepost/model";
import { definedFields } from "@milepost/protocol";

/** Content of a question, as the store keeps it in JSON. */
export interface QuestionContent
  extends Omit<Question, "id" | "operation_id" | "status" | "snoozed_until" | "may_answer"> {
  /** User and session of the operation, whose question it is if it is for nobody else. */
  readonly owner: { readonly user_id?: string; readonly session_id?: string };
  /** True if the people of the operation may answer besides those of `for`: it was for nobody by name when it was asked. */
  readonly for_owner?: true;
  /** Publisher name of the API key that asked. */
  readonly asker: string;
  /** Attempt of the operation in which it was asked. */
  readonly attempt: number;
  /** Publisher name of who answered. */
  readonly answerer?: string;
  /** W3C trace context in which it was asked. */
  readonly asked_in?: string;
  /** W3C trace context in which it was answered. */
  readonly answered_in?: string;
  /** Time until which people have put it aside, by their publisher names. */
  readonly snoozed?: Readonly<Record<string, number>>;
}

/** A stored question with its parsed content. */
export interface FoundQuestion {
  readonly stored: StoredQuestion;
  readonly content: QuestionContent;
}

/** Returns a stored question with its parsed content. */
export function foundQuestion(stored: StoredQuestion): FoundQuestion {
  return { stored, content: JSON.parse(stored.json) as QuestionContent };
}

/** Returns the next revision of a question. */
export function revised(
  { stored }: FoundQuestion,
  content: QuestionContent,
  status: StoredQuestion["status"] = stored.status,
): FoundQuestion {
  const { revision } = stored;
  const lists = listsOf(content);
  const json = JSON.stringify(content);
  return { content, stored: { ...stored, revision: revision + 1, status, lists, json } };
}

/** Returns the names of the lists in which people find a question that is open. */
export function listsOf(content: QuestionContent) {
  const { user_id, session_id } = isForOwner(content) ? content.owner : {};
  const { users = [], roles = [] } = content.for ?? {};
  return [
    ...new Set([
      ...(user_id === undefined ? [] : [`user:${user_id}`]),
      ...(session_id === undefined ? [] : [`session:${session_id}`]),
      ...users.map((user) => `user:${user}`),
      ...roles.map((role) => `role:${role}`),
    ]),
  ];
}

/** True if everyone who may command the operation may answer. */
export function isForOwner({ for: audience, for_owner }: QuestionContent): boolean {
  return audience === undefined || for_owner === true;
}

/** Returns a question that the people of a further step of its escalation may answer, besides those who may already. */
export function escalated(content: QuestionContent, level: number, more: QuestionAudience) {
  const { user_id } = content.owner;
  const before = content.for ?? (user_id === undefined ? {} : { users: [user_id] });
  return {
    ...content,
    level,
    for: joined(before, more),
    ...(isForOwner(content) && { for_owner: true as const }),
  };
}

function joined(a: QuestionAudience, b: QuestionAudience): QuestionAudience {
  const users = [...new Set([...(a.users ?? []), ...(b.users ?? [])])];
  const roles = [...new Set([...(a.roles ?? []), ...(b.roles ?? [])])];
  return { ...(users.length > 0 && { users }), ...(roles.length > 0 && { roles }) };
}

/** Returns a question as the API shows it to a reader, whose publisher name is given. */
export function shownQuestion({ stored, content }: FoundQuestion, reader: string): Question {
  const {
    owner: _,
    for_owner: _f,
    asker: _a,
    attempt: _b,
    answerer: _c,
    asked_in: _d,
    answered_in: _e,
    snoozed,
    ...rest
  } = content;
  const until = snoozed?.[reader];
  return {
    id: stored.id,
    operation_id: stored.operationId,
    ...rest,
    status: stored.status,
    ...(until !== undefined && stored.status === "open" && { snoozed_until: until }),
  };
}

/** Time at which something has to be done about an open question, in milliseconds since 1970. */
export function dueAt({ escalate = [], level = 0, asked_at, deadline_at }: QuestionContent) {
  const step = escalate[level];
  const times = [deadline_at, step === undefined ? undefined : asked_at + step.after_ms];
  const due = Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY));
  return due === Number.POSITIVE_INFINITY ? undefined : due;
}

/** An event of a question, with a key that makes its repetition harmless. */
export interface QuestionEvent {
  readonly event: OperationEvent;
  readonly key: string;
  readonly traceparent?: string;
}

/** Returns the events that the log of the operation lacks of a question. */
export function missingEvents(
  { stored, content }: FoundQuestion,
  state: OperationState,
): readonly QuestionEvent[] {
  const { id, status } = stored;
  const shown = state.questions?.find((question) => question.id === id);
  // A question that came too late for its operation is withdrawn before anybody has seen it. Of one that was answered in time,
  // the log has the events, although the state takes no more.
  const isUnanswered = status === "open" || status === "withdrawn";
  if (shown === undefined && isFinal(state.status) && isUnanswered) return [];
  const events: QuestionEvent[] = [];
  const { asked_in, answered_in } = content;
  const add = (phase: QuestionPhase, said: object, key: string = phase) => {
    const traceparent = phase === "answered" ? answered_in : asked_in;
    events.push({
      event: { event: "question", data: { question_id: id, phase, ...said } },
      key: `question:${id}:${key}`,
      ...(traceparent === undefined ? {} : { traceparent }),
    });
  };
  const { kind, prompt, options, schema, deadline_at, default: standard } = content;
  const isPrivate = content.private === true;
  if (shown === undefined) {
    const text = isPrivate ? {} : definedFields({ prompt, options, schema, default: standard });
    add("asked", { kind, ...text, ...definedFields({ for: content.for, deadline_at }) });
  }
  const { level } = content;
  if (level !== undefined && level > (shown?.level ?? 0) && (shown?.status ?? "open") === "open") {
    add("escalated", { level, ...definedFields({ for: content.for }) }, `escalated:${level}`);
  }
  if (status !== "open" && !isTold(status, shown?.status ?? "open")) {
    const { answer, comment, by, by_default, reason } = content;
    const text = isPrivate ? {} : definedFields({ answer, comment });
    add(status, { ...text, ...definedFields({ by, by_default, reason }) });
  }
  return events;
}

/**
 * True if the log says that a question is over. The end of the operation alone withdraws a question in its state; the
 * event follows for those that read events only.
 */
function isTold(status: QuestionStatus, shown: QuestionStatus): boolean {
  return shown !== "open" && status !== "withdrawn";
}
