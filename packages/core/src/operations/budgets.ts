import { type Clock, type OperationIndex, type Random, SerialQueues } from "@milepost/engine";
import {
  amountOf,
  isFinal,
  maxAmount,
  type OperationEvent,
  type OperationState,
} from "@milepost/model";
import { compact } from "@milepost/protocol";
import type { QuestionKeeper } from "../questions/question-keeper.ts";
import {
  answerOf,
  type BudgetAnswer,
  type BudgetCommand,
  type BudgetStep,
  budgetStep,
  commandId,
  isPausedBy,
  isRequested,
  needs,
  raisedLimit,
} from "./budget-step.ts";
import { maxChildren, maxTreeDepth } from "./tree-rollup.ts";

const publisher = "gateway:budget";
const idLength = 16;
/** Steps of one operation after each other; each changes the state, so there are never more in a row. */
const maxSteps = 10;
const together = 16;

/** Events of the gateway itself, each with the key that makes its repetition harmless. */
type OwnEvents = readonly { readonly event: OperationEvent; readonly key: string }[];

/** Parts of the node that {@link Budgets} uses. */
export interface BudgetsContext {
  readonly operations: {
    state(operationId: string): Promise<OperationState | undefined>;
    publishOwn(
      operationId: string,
      publisher: string,
      missing: (state: OperationState) => OwnEvents,
    ): Promise<OperationState | undefined>;
    /** Wakes the calls that wait for commands of the operation's producer. */
    commanded(state: OperationState): Promise<void>;
  };
  readonly index: Pick<OperationIndex, "list">;
  readonly questions: () => Pick<QuestionKeeper, "add" | "get">;
  readonly clock: Pick<Clock, "now">;
  readonly random: Pick<Random, "id">;
  readonly onError: (error: unknown) => void;
}

/**
 * Asks people what to do when an operation has passed its budget, pauses its work and that of all operations below, and does
 * what they decide.
 *
 * Each step follows from the state of the operation alone, see {@link budgetStep}. The question has a key that contains the
 * limit, and each event and command one that contains the question, so any number of nodes may do a step at the same time,
 * and again after a restart: it happens once. A step that fails is done again when the operation is next looked at, within
 * 2 s.
 */
export class Budgets {
  readonly #context: BudgetsContext;
  readonly #queues = new SerialQueues();
  /** Operations whose next step waits for its turn. */
  readonly #waiting = new Set<string>();
  #isClosed = false;

  constructor(context: BudgetsContext) {
    this.#context = context;
  }

  /** Does what the state demands, soon. Never throws. */
  follow(state: OperationState): void {
    const { id } = state;
    if (this.#isClosed || this.#waiting.has(id) || !this.#concerns(state)) return;
    this.#waiting.add(id);
    this.#queues
      .run(id, () => {
        this.#waiting.delete(id);
        return this.#steps(id);
      })
      .catch(this.#context.onError);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#queues.idle();
  }

  #concerns(state: OperationState): boolean {
    return budgetStep(state) !== undefined || isAskedAbout(state);
  }

  async #steps(id: string): Promise<void> {
    const { operations } = this.#context;
    for (let i = 0; i < maxSteps; i++) {
      const state = await operations.state(id);
      const step = state === undefined ? undefined : budgetStep(state);
      if (state === undefined || step === undefined) {
        // Work below that began, or was told to go on, after the limit was passed.
        const question = state?.budget?.question_id;
        if (state !== undefined && isAskedAbout(state) && question !== undefined) {
          await this.#below(state, question, "open");
        }
        return;
      }
      if (!(await this.#take(state, step))) return;
    }
  }

  /** Does one step. False if nothing follows from it for now. */
  async #take(state: OperationState, step: BudgetStep): Promise<boolean> {
    switch (step.kind) {
      case "ask":
        await this.#ask(state);
        return true;
      case "pause":
      case "cancel":
        await this.#request(state.id, step.kind, step.question);
        return true;
      case "settle":
        await this.#below(state, step.question, step.answer);
        await this.#settle(state.id, step.question, step.answer);
        return true;
      case "look":
        return this.#look(state, step.question);
    }
  }

  async #ask(state: OperationState): Promise<void> {
    const { operations, questions, clock, random } = this.#context;
    const { id, budget, counters, title, kind, user_id, session_id, attempt } = state;
    if (budget === undefined) return;
    const { counter, limit } = budget;
    const spent = amountOf(counters, counter);
    const keeper = questions();
    const asked = () => ({
      id: random.id(idLength),
      operationId: id,
      key: `gateway:budget:${limit}`,
    });
    const content = {
      kind: "choose" as const,
      prompt: `${title} has used ${spent} of ${limit} ${counter}. What now?`,
      options: [
        { id: "raise", title: `Raise the limit to ${raisedLimit(state)} ${counter}` },
        { id: "continue", title: "Go on without a limit" },
        { id: "stop", title: "Stop" },
      ],
      key: `gateway:budget:${limit}`,
      title,
      operation_kind: kind,
      owner: compact({ user_id, session_id }),
      asker: publisher,
      attempt,
      asked_at: clock.now(),
    };
    let { question } = await keeper.add(content, asked());
    const { status, id: before } = question.stored;
    if (status === "withdrawn" || status === "expired") {
      ({ question } = await keeper.add(content, { ...asked(), replaces: before }));
    }
    const question_id = question.stored.id;
    await operations.publishOwn(id, publisher, (now) => {
      if (now.budget?.limit !== limit || now.budget.question_id === question_id) return [];
      const data = { phase: "passed" as const, limit, spent, question_id };
      return [{ event: { event: "budget", data }, key: `passed:${question_id}` }];
    });
  }

  async #settle(id: string, question: string, answer: BudgetAnswer): Promise<void> {
    await this.#context.operations.publishOwn(id, publisher, (state) => {
      const { budget } = state;
      if (budget?.question_id !== question || budget.stopped === true) return [];
      const phase = answer === "stop" ? ("stopped" as const) : ("extended" as const);
      const limit = { raise: raisedLimit(state), continue: maxAmount, stop: budget.limit }[answer];
      const event = { event: "budget", data: { phase, limit } } as const;
      return [{ event, key: `${phase}:${question}` }];
    });
  }

  /** Goes on with work that a budget has paused, if its question is over. */
  async #look(state: OperationState, question: string): Promise<boolean> {
    const found = await this.#context.questions().get(question);
    if (found?.stored.status === "open") return false;
    // A question that is withdrawn or forgotten holds nothing up any more.
    const isStopped = found?.stored.status === "answered" && answerOf(found.content) === "stop";
    await this.#request(state.id, isStopped ? "cancel" : "resume", question);
    return true;
  }

  /** Pauses the work of all operations below while the question is open, and lets it go on or stops it afterwards. */
  async #below(root: OperationState, question: string, now: BudgetAnswer | "open"): Promise<void> {
    if (root.children === undefined) return;
    let level: readonly string[] = [root.id];
    for (let depth = 1; depth < maxTreeDepth && level.length > 0; depth++) {
      const next: string[] = [];
      for (const parent of level) {
        const children = await this.#context.index.list({ parent, limit: maxChildren });
        const live = children.filter(({ summary }) => !isFinal(summary.status));
        for (const { summary } of children) {
          if (summary.children !== undefined) next.push(summary.operation_id);
        }
        for (let i = 0; i < live.length; i += together) {
          await Promise.all(
            live
              .slice(i, i + together)
              .filter(({ summary }) => now !== "open" || summary.status === "running")
              .map(({ summary }) => this.#one(summary.operation_id, question, now)),
          );
        }
      }
      level = next;
    }
  }

  async #one(id: string, question: string, now: BudgetAnswer | "open"): Promise<void> {
    if (now === "open") return this.#request(id, "pause", question);
    if (now === "stop") return this.#request(id, "cancel", question);
    const state = await this.#context.operations.state(id);
    if (state !== undefined && isPausedBy(state, question))
      await this.#request(id, "resume", question);
  }

  /** Requests a command, unless it has been requested because of this question. */
  async #request(id: string, command: BudgetCommand, question: string): Promise<void> {
    const { operations } = this.#context;
    let isNew = false;
    const after = await operations.publishOwn(id, publisher, (state) => {
      if (!mayRequest(state, command, question)) return [];
      isNew = true;
      const command_id = commandId(state, command, question);
      const data = { command_id, command, phase: "requested" as const, by: "budget" };
      return [{ event: { event: "command", data }, key: command_id }];
    });
    if (isNew && after !== undefined) await operations.commanded(after);
  }
}

function mayRequest(state: OperationState, command: BudgetCommand, question: string): boolean {
  if (isFinal(state.status) || !needs(state, command, question)) return false;
  if (command === "cancel") return true;
  if (command === "pause") return state.status === "running";
  return state.status === "paused" && !isRequested(state, question);
}

/** True if work runs below an operation while people are asked about its budget. */
function isAskedAbout({ budget, children, questions }: OperationState): boolean {
  const question = questions?.find(({ id }) => id === budget?.question_id);
  return question?.status === "open" && children?.statuses.running !== undefined;
}
