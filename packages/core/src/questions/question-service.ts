import type { Clock, Random } from "@milepost/engine";
import {
  type AnswerQuestion,
  type AskedQuestion,
  type AskQuestion,
  isFinal,
  type OperationState,
  type Question,
  type QuestionFilter,
  type QuestionList,
} from "@milepost/model";
import { compact, MilepostError } from "@milepost/protocol";
import { EventWaiter } from "../hub/event-waiter.ts";
import type { Hub } from "../hub/hub.ts";
import { orThrow } from "../input/input.ts";
import type { JsonSchemas } from "../input/json-schemas.ts";
import { operationChannel } from "../operations/operation-log.ts";
import type { Operations } from "../operations/operations-api.ts";
import { nameOf, type Principal, publisherOf, type ServicePrincipal } from "../rules/principal.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import { requireService } from "../rules/service-scopes.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import { inSpan, inTrace, type Span, spanNames, type Tracer } from "../runtime/tracer.ts";
import { checkAnswer } from "./answer-check.ts";
import { mayAnswer, maySee, rolesOf } from "./question-access.ts";
import {
  type FoundQuestion,
  type QuestionContent,
  revised,
  shownQuestion,
} from "./question-content.ts";
import {
  type ReadAsk,
  readAnswerQuestion,
  readAsk,
  readQuestionFilter,
  readSnooze,
} from "./question-inputs.ts";
import { changedEvent, type QuestionKeeper, questionChannel } from "./question-keeper.ts";
import type { AnsweredQuestion, QuestionBoard, QuestionService } from "./questions-api.ts";

const idLength = 16;
const maxWaitMs = 60_000;
/** Number of roles of one user that are looked up. */
const maxRoles = 20;
/** Number of people that may put one question aside. */
const maxSnoozed = 100;

/** Parts of the node that {@link createQuestionService} uses. */
export interface QuestionContext {
  readonly keeper: QuestionKeeper;
  readonly operations: Pick<Operations, "report"> & {
    state(operationId: string): Promise<OperationState | undefined>;
  };
  readonly schemas: JsonSchemas;
  readonly rules: RuleBook;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly board: QuestionBoard | undefined;
  readonly tracer?: Tracer | undefined;
}

/** Asks and answers questions on behalf of principals. What is stored and published is the work of its keeper. */
export class Questioning implements QuestionService {
  readonly #context: QuestionContext;
  readonly #waiters = new Set<EventWaiter>();
  #closed = false;

  constructor(context: QuestionContext) {
    this.#context = context;
  }

  ask(principal: Principal, operationId: string, input: AskQuestion): Promise<AskedQuestion> {
    const span = this.#span(principal, operationId, "asked");
    if (span === undefined) return this.#ask(principal, operationId, input);
    return inSpan(
      span,
      () => this.#ask(inTrace(principal, span), operationId, input),
      ({ question }) => ({ "milepost.question": question.id }),
    );
  }

  async #ask(
    principal: Principal,
    operationId: string,
    input: AskQuestion,
  ): Promise<AskedQuestion> {
    this.#refuseWhenClosed();
    const ask = orThrow(readAsk(input));
    const service = requireService(principal, "operations", operationChannel(operationId));
    const { schemas, operations } = this.#context;
    if (ask.schema !== undefined) schemas.require(ask.schema, "schema");
    if (ask.default !== undefined) await checkAnswer(ask, ask.default, "default", schemas);
    const state = await operations.state(operationId);
    if (state === undefined) throw noOperation();
    if (ask.lease !== undefined) {
      await operations.report(principal, operationId, { lease: ask.lease, events: [] });
    }
    if (isFinal(state.status)) return this.#askedBefore(operationId, state, ask);
    const content = this.#contentOf(ask, state, service);
    const { question, isNew } = await this.#add(operationId, content);
    const current = (await this.#context.keeper.bringUpToDate(question)) ?? question;
    return { question: this.#shown(principal, current), duplicate: !isNew };
  }

  async get(
    principal: Principal,
    operationId: string,
    questionId: string,
    waitMs = 0,
    signal?: AbortSignal,
  ): Promise<Question> {
    this.#refuseWhenClosed();
    let found = await this.#seen(principal, operationId, questionId);
    const wait = Number.isFinite(waitMs) ? Math.min(Math.max(waitMs, 0), maxWaitMs) : 0;
    if (found.stored.status === "open" && wait > 0 && signal?.aborted !== true) {
      found = await this.#settledWithin(found, wait, signal);
    }
    return this.#shown(principal, found);
  }

  async answer(
    principal: Principal,
    operationId: string,
    questionId: string,
    input: AnswerQuestion,
  ): Promise<AnsweredQuestion> {
    this.#refuseWhenClosed();
    const { answer, comment } = orThrow(readAnswerQuestion(input));
    const found = await this.#answerable(principal, operationId, questionId);
    const span = this.#span(principal, operationId, "answered", found);
    if (span === undefined) return this.#answer(principal, found, answer, comment);
    return inSpan(span, () => this.#answer(inTrace(principal, span), found, answer, comment));
  }

  async #answer(
    principal: Principal,
    found: FoundQuestion,
    answer: unknown,
    comment: string | undefined,
  ): Promise<AnsweredQuestion> {
    const { keeper, schemas, clock } = this.#context;
    const answerer = publisherOf(principal);
    if (found.stored.status === "open") {
      await checkAnswer(found.content, answer, "answer", schemas);
    }
    let isMine = false;
    const after = await keeper.change(found, (question) => {
      isMine = question.stored.status === "open";
      if (!isMine) return undefined;
      const { snoozed: _, ...content } = question.content;
      const by = nameOf(principal);
      const answered_in = principal.traceparent;
      const said = compact({ answer, comment, by, answerer, answered_in, settled_at: clock.now() });
      return revised(question, { ...content, ...said }, "answered");
    });
    if (after === undefined) throw noQuestion();
    const question = this.#shown(principal, after);
    if (isMine) return { question, duplicate: false };
    const isRepeat =
      after.stored.status === "answered" &&
      after.content.answerer === answerer &&
      JSON.stringify(after.content.answer) === JSON.stringify(answer);
    if (isRepeat) return { question, duplicate: true };
    throw over(after);
  }

  async snooze(
    principal: Principal,
    operationId: string,
    questionId: string,
    input?: { readonly for_ms?: number },
  ): Promise<Question> {
    this.#refuseWhenClosed();
    const ms = orThrow(readSnooze(input));
    const { keeper, clock, board } = this.#context;
    const found = await this.#answerable(principal, operationId, questionId);
    const person = publisherOf(principal);
    const until = clock.now() + ms;
    const after = await keeper.change(found, (question) => {
      if (question.stored.status !== "open") return undefined;
      const others = Object.entries(question.content.snoozed ?? {}).filter(
        ([name, end]) => name !== person && end > clock.now(),
      );
      const snoozed = { ...Object.fromEntries(others.slice(1 - maxSnoozed)), [person]: until };
      return revised(question, { ...question.content, snoozed });
    });
    if (after === undefined) throw noQuestion();
    if (after.stored.status !== "open") throw over(after);
    const question = this.#shown(principal, after);
    await board?.snooze(principal, question, until);
    return question;
  }

  async withdraw(principal: Principal, operationId: string, questionId: string): Promise<Question> {
    this.#refuseWhenClosed();
    requireService(principal, "operations", operationChannel(operationId));
    const found = await this.#seen(principal, operationId, questionId);
    const after = await this.#context.keeper.settle(found, "withdrawn", { reason: "withdrawn" });
    if (after === undefined) throw noQuestion();
    return this.#shown(principal, after);
  }

  async ofOperation(principal: Principal, operationId: string): Promise<QuestionList> {
    this.#refuseWhenClosed();
    const { keeper, rules } = this.#context;
    const found = await keeper.list({ operationId });
    const seen = found.filter((question) => maySee(principal, question, rules));
    if (seen.length === 0) {
      // A principal that may not read the operation must not learn that it exists.
      const state = await this.#context.operations.state(operationId);
      if (state === undefined || found.length > 0) throw noOperation();
    }
    return { questions: seen.map((question) => this.#shown(principal, question)) };
  }

  async open(principal: Principal, filter: QuestionFilter): Promise<QuestionList> {
    this.#refuseWhenClosed();
    const { limit, ...wanted } = orThrow(readQuestionFilter(filter));
    const { keeper, rules } = this.#context;
    const lists = listsFor(principal, wanted);
    const found = await Promise.all(lists.map((list) => keeper.list({ list }, limit)));
    const byId = new Map(found.flat().map((question) => [question.stored.id, question]));
    const questions = [...byId.values()]
      .filter((question) => question.stored.status === "open" && maySee(principal, question, rules))
      .sort((a, b) => b.content.asked_at - a.content.asked_at)
      .slice(0, limit)
      .map((question) => this.#shown(principal, question));
    return { questions };
  }

  /** Ends all waits, and refuses later calls. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiters) waiter.end();
  }

  /** Begins the span of a question; that of an answer, which may come in another trace, names the one of the question. */
  #span(
    principal: Principal,
    operationId: string,
    phase: "asked" | "answered",
    found?: FoundQuestion,
  ): Span | undefined {
    const asked = found?.content.asked_in;
    return this.#context.tracer?.start(spanNames.question, {
      parent: principal.traceparent,
      ...(asked === undefined ? {} : { links: [asked] }),
      attributes: {
        "messaging.system": "milepost",
        "messaging.destination.name": operationChannel(operationId),
        "milepost.operation": operationId,
        "milepost.phase": phase,
        ...(found === undefined ? {} : { "milepost.question": found.stored.id }),
      },
    });
  }

  /** Returns a question as the principal sees it, with whether it may answer. */
  #shown(principal: Principal, found: FoundQuestion): Question {
    const question = shownQuestion(found, publisherOf(principal));
    if (principal.kind !== "user" || question.status !== "open") return question;
    return { ...question, may_answer: mayAnswer(principal, found, this.#context.rules) };
  }

  #refuseWhenClosed(): void {
    if (this.#closed)
      throw new MilepostError("shutting_down", "this node has shut down; retry on another node");
  }

  async #add(operationId: string, content: QuestionContent) {
    const { keeper, random } = this.#context;
    const { key, attempt } = content;
    const asked = () => ({
      id: random.id(idLength),
      operationId,
      ...(key === undefined ? {} : { key }),
    });
    const added = await keeper.add(content, asked());
    if (added.isNew) return added;
    const { stored, content: before } = added.question;
    const isOver =
      stored.status === "withdrawn" || (stored.status === "expired" && before.attempt < attempt);
    return isOver ? keeper.add(content, { ...asked(), replaces: stored.id }) : added;
  }

  /** Returns the question that was asked with this key before the operation ended; nothing new can be asked. */
  async #askedBefore(
    operationId: string,
    { status }: OperationState,
    { key }: ReadAsk,
  ): Promise<AskedQuestion> {
    const known =
      key === undefined
        ? undefined
        : (await this.#context.keeper.list({ operationId })).find(
            ({ content }) => content.key === key,
          );
    if (known !== undefined) return { question: shownQuestion(known, ""), duplicate: true };
    throw new MilepostError("not_possible_now", `the operation is ${status}; it cannot ask`);
  }

  #contentOf(ask: ReadAsk, state: OperationState, service: ServicePrincipal): QuestionContent {
    const { lease: _, deadline_ms, private: isPrivate, ...rest } = ask;
    const { user_id, session_id } = state;
    const asked_at = this.#context.clock.now();
    return {
      ...rest,
      ...(isPrivate === true && { private: true as const }),
      title: state.title,
      operation_kind: state.kind,
      owner: compact({ user_id, session_id }),
      asker: publisherOf(service),
      ...(service.traceparent !== undefined && { asked_in: service.traceparent }),
      attempt: state.attempt,
      asked_at,
      ...(deadline_ms !== undefined && { deadline_at: asked_at + deadline_ms }),
    };
  }

  /** Returns a question that the principal may see, brought up to date. */
  async #seen(principal: Principal, operationId: string, id: string): Promise<FoundQuestion> {
    const { keeper, rules } = this.#context;
    const found = await keeper.get(id);
    if (found?.stored.operationId !== operationId || !maySee(principal, found, rules)) {
      throw noQuestion();
    }
    const current = await keeper.bringUpToDate(found);
    if (current === undefined) throw noQuestion();
    return current;
  }

  async #answerable(principal: Principal, operationId: string, id: string): Promise<FoundQuestion> {
    const found = await this.#seen(principal, operationId, id);
    if (mayAnswer(principal, found, this.#context.rules)) return found;
    throw new MilepostError(
      "forbidden",
      principal.kind === "service"
        ? `the API key "${principal.name}" lacks the scope command:${operationChannel(operationId)}; add it to the key's scopes`
        : "the question is for other people; only they may answer it",
    );
  }

  async #settledWithin(
    found: FoundQuestion,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<FoundQuestion> {
    const { hub, wheel, rules, keeper } = this.#context;
    const { id, operationId } = found.stored;
    const waiter = new EventWaiter(changedEvent);
    this.#waiters.add(waiter);
    wheel.set(waiter, waitMs);
    signal?.addEventListener("abort", waiter.end, { once: true });
    const member = hub.join(rules.of(questionChannel(operationId)), waiter, "now");
    let current = found;
    try {
      // The subscription wakes the waiter when it starts. The look-up then finds an answer that came meanwhile.
      while ((await waiter.next()) === "look") {
        current = (await keeper.get(id)) ?? current;
        if (current.stored.status !== "open") break;
      }
      return current;
    } finally {
      member.leave();
      wheel.clear(waiter);
      signal?.removeEventListener("abort", waiter.end);
      this.#waiters.delete(waiter);
    }
  }
}

/** Returns the lists in which the principal finds open questions; throws `forbidden` for those of other people. */
function listsFor(principal: Principal, { user, role }: QuestionFilter): readonly string[] {
  if (principal.kind === "service") {
    requireService(principal, "operations");
    if (user !== undefined && role === undefined) return [`user:${user}`];
    if (role !== undefined && user === undefined) return [`role:${role}`];
    throw new MilepostError("bad_message", "name either a user or a role whose questions to list");
  }
  const isForeign =
    (user !== undefined && user !== principal.user) ||
    (role !== undefined && !rolesOf(principal).includes(role));
  // An empty list does not reveal whether somebody else has questions.
  if (isForeign) return [];
  if (role !== undefined) return [`role:${role}`];
  const own = principal.user === undefined ? [] : [`user:${principal.user}`];
  if (user !== undefined) return own;
  return [
    ...own,
    ...(principal.session === undefined ? [] : [`session:${principal.session}`]),
    ...rolesOf(principal)
      .slice(0, maxRoles)
      .map((each) => `role:${each}`),
  ];
}

function over({ stored, content }: FoundQuestion): MilepostError {
  const at = new Date(content.settled_at ?? 0).toISOString();
  if (stored.status === "answered") {
    const who = content.by_default === true ? "the default, at the deadline," : content.by;
    return new MilepostError("already_answered", `${who} answered this question at ${at}`);
  }
  return new MilepostError(
    "not_possible_now",
    stored.status === "expired"
      ? `the question expired at ${at}, when its deadline had passed`
      : `the question was withdrawn at ${at}: ${content.reason ?? "nobody needs the answer"}`,
  );
}

function noOperation(): MilepostError {
  return new MilepostError(
    "not_found",
    "there is no operation with this id that the credential may see",
  );
}

function noQuestion(): MilepostError {
  return new MilepostError(
    "not_found",
    "there is no question with this id that the credential may see",
  );
}
