import {
  type Clock,
  type NewQuestion,
  type Questions,
  SerialQueues,
  type StoredQuestion,
} from "@milepost/engine";
import {
  isFinal,
  type OperationState,
  type Question,
  type QuestionStatus,
  questionBounds,
} from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import type { AssuredPublisher } from "../dead-letters/assured-publisher.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";
import type { CoreLimits } from "../runtime/limits.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import {
  dueAt,
  escalated,
  type FoundQuestion,
  foundQuestion,
  listsOf,
  missingEvents,
  type QuestionContent,
  type QuestionEvent,
  revised,
  shownQuestion,
} from "./question-content.ts";
import type { QuestionBoard } from "./questions-api.ts";

const publisher = "gateway:questions";
/** Event in the channel of {@link questionChannel}. */
export const changedEvent = "question";
/** Time after which a change that nobody has finished publishing is published again, in milliseconds. */
const untoldMs = 5_000;
/** Longest time that a node waits before it looks at a question again, in milliseconds. */
const maxTimerMs = 3_600_000;
const sweepLateMs = 2_000;
const sweepTogether = 100;
const perOperation = 100;
const tries = 20;

/** Returns the channel that wakes the calls that wait for an operation's questions. */
export function questionChannel(operationId: string): string {
  return `gateway:question:${operationId}`;
}

/** Operations, as the keeper of their questions uses them. */
export interface QuestionedOperations {
  /** Returns the state of an operation; undefined where there is none, or no longer. */
  state(operationId: string): Promise<OperationState | undefined>;
  /** Publishes the events that `missing` derives from the state of an operation, in the operation's own queue. */
  publishOwn(
    operationId: string,
    publisher: string,
    missing: (state: OperationState) => readonly QuestionEvent[],
  ): Promise<OperationState | undefined>;
}

/** Parts of the node that a {@link QuestionKeeper} uses. */
export interface KeeperContext {
  readonly store: Questions;
  readonly operations: QuestionedOperations;
  readonly assured: AssuredPublisher;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly limits: Pick<CoreLimits, "maxQuestions" | "questionKeepMs">;
  readonly board: QuestionBoard | undefined;
  readonly instruments: Pick<CoreInstruments, "questionsAsked" | "questionsSettled">;
  readonly onError: (error: unknown) => void;
}

class Timer extends Deadline {
  readonly #onDue: () => void;

  constructor(onDue: () => void) {
    super();
    this.#onDue = onDue;
  }

  override onDue(): void {
    this.#onDue();
  }
}

/**
 * Keeps questions: stores each change in one atomic step, and then publishes it to the operation's log, to the board
 * and to the calls that wait.
 *
 * A stored change is due at once until it is published everywhere. A node that dies in between leaves it due, and the
 * node that sweeps publishes it. The same holds for deadlines and escalations.
 */
export class QuestionKeeper {
  readonly #context: KeeperContext;
  readonly #timers = new Map<string, Timer>();
  readonly #queues = new SerialQueues();
  #closed = false;

  constructor(context: KeeperContext) {
    this.#context = context;
  }

  /** Stores and publishes a new question, or returns the one that has its key. */
  async add(
    content: QuestionContent,
    question: Omit<NewQuestion, "json" | "lists">,
  ): Promise<{ readonly question: FoundQuestion; readonly isNew: boolean }> {
    const { store, limits, instruments } = this.#context;
    const added = await store.add(
      { ...question, lists: listsOf(content), json: JSON.stringify(content) },
      { keepMs: this.#keepMs(content), dueInMs: untoldMs },
      {
        maxOpen: questionBounds.open,
        maxPerOperation: perOperation,
        maxQuestions: limits.maxQuestions,
      },
    );
    const found = foundQuestion(added.question);
    if (added.isNew) instruments.questionsAsked.add(1);
    // A repeated request may be the answer to a node that died before it published the question.
    await this.publish(found);
    return { question: found, isNew: added.isNew };
  }

  async get(id: string): Promise<FoundQuestion | undefined> {
    const stored = await this.#context.store.get(id);
    return stored === undefined ? undefined : foundQuestion(stored);
  }

  async list(
    query: { readonly operationId: string } | { readonly list: string },
    limit: number = perOperation,
  ): Promise<readonly FoundQuestion[]> {
    return (await this.#context.store.list({ ...query, limit })).map(foundQuestion);
  }

  /**
   * Changes a question in one atomic step, and publishes the change. `decide` returns the next content and status, or
   * undefined to leave the question as it is, and is called again if somebody else was faster.
   */
  async change(
    found: FoundQuestion,
    decide: (question: FoundQuestion) => FoundQuestion | undefined,
  ): Promise<FoundQuestion | undefined> {
    const { question, isChanged } = await this.#store(found, decide);
    if (question !== undefined && isChanged) await this.publish(question);
    return question;
  }

  async #store(
    found: FoundQuestion,
    decide: (question: FoundQuestion) => FoundQuestion | undefined,
  ): Promise<{ readonly question: FoundQuestion | undefined; readonly isChanged: boolean }> {
    const { store } = this.#context;
    let before = found;
    for (let i = 0; i < tries; i++) {
      const next = decide(before);
      if (next === undefined) return { question: before, isChanged: false };
      const times = { keepMs: this.#keepMs(next.content), dueInMs: untoldMs };
      const stored = await store.change(next.stored, times);
      if (stored === undefined) return { question: undefined, isChanged: false };
      const isStored = stored.revision === next.stored.revision && stored.json === next.stored.json;
      if (isStored) {
        this.#count(next);
        return { question: next, isChanged: true };
      }
      before = foundQuestion(stored);
    }
    throw new Error("a question was changed too often at the same time");
  }

  /** Settles a question that is open. Returns the question as it is then, which may have been settled otherwise. */
  settle(
    found: FoundQuestion,
    status: Exclude<QuestionStatus, "open">,
    said: Partial<QuestionContent>,
  ): Promise<FoundQuestion | undefined> {
    return this.change(found, (question) => this.#settled(question, status, said));
  }

  #settled(
    question: FoundQuestion,
    status: Exclude<QuestionStatus, "open">,
    said: Partial<QuestionContent>,
  ): FoundQuestion | undefined {
    if (question.stored.status !== "open") return undefined;
    const { snoozed: _, ...content } = question.content;
    const settled_at = this.#context.clock.now();
    return revised(question, { ...content, ...said, settled_at }, status);
  }

  /**
   * Does what is due for a question: its default or end at the deadline, its next step of escalation, or its end with
   * the operation. Returns the question as it is then.
   */
  async bringUpToDate(found: FoundQuestion): Promise<FoundQuestion | undefined> {
    const { clock, operations } = this.#context;
    const { stored, content } = found;
    if (stored.status !== "open") return found;
    const state = await operations.state(stored.operationId);
    if (state !== undefined && isFinal(state.status)) {
      return this.settle(found, "withdrawn", { reason: state.status });
    }
    const now = clock.now();
    if (content.deadline_at !== undefined && content.deadline_at <= now) {
      if (content.default === undefined) return this.settle(found, "expired", {});
      const { default: answer } = content;
      return this.settle(found, "answered", { answer, by: "default", by_default: true });
    }
    if ((dueAt(content) ?? Number.POSITIVE_INFINITY) > now) return found;
    return this.change(found, (question) => {
      const { escalate = [], level = 0, asked_at } = question.content;
      const step = escalate[level];
      if (question.stored.status !== "open" || step === undefined) return undefined;
      if (asked_at + step.after_ms > now) return undefined;
      return revised(question, escalated(question.content, level + 1, step.for));
    });
  }

  /**
   * Withdraws all open questions of an operation that has ended. Resolves once that is stored; it is published later,
   * since the caller may hold the queue of the operation.
   */
  async withdrawAll(operationId: string, reason: string): Promise<void> {
    for (const found of await this.list({ operationId })) {
      if (found.stored.status !== "open") continue;
      const decide = (question: FoundQuestion) => this.#settled(question, "withdrawn", { reason });
      const { question, isChanged } = await this.#store(found, decide);
      if (question !== undefined && isChanged) void this.publish(question);
    }
  }

  /** Takes care of what dead nodes have left due. */
  async sweep(): Promise<void> {
    const { store, onError } = this.#context;
    if (this.#closed) return;
    for (const stored of await store.due(sweepLateMs, sweepTogether)) {
      await this.#look(stored).catch(onError);
    }
  }

  /** Stops all timers, and waits until what is being published is published. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers.values()) this.#context.wheel.clear(timer);
    this.#timers.clear();
    await this.#queues.idle();
  }

  /**
   * Publishes a question as it is now, everywhere where people or programs wait for it. Never rejects: what fails is
   * tried again in 5 s, also by another node if this one dies.
   */
  async publish(found: FoundQuestion): Promise<void> {
    const { id } = found.stored;
    try {
      await this.#queues.run(id, () => this.#publish(found));
    } catch (error) {
      this.#context.onError(error);
      this.#wakeIn(id, untoldMs);
    }
  }

  async #publish(found: FoundQuestion): Promise<void> {
    const { operations, store, clock } = this.#context;
    const { stored, content } = found;
    const { id, operationId, revision, status, lists } = stored;
    const state = await operations.publishOwn(operationId, publisher, (before) =>
      missingEvents(found, before),
    );
    if (status === "open" && state !== undefined && isFinal(state.status)) {
      // The operation has ended since somebody looked whether anything is due.
      const decide = (question: FoundQuestion) =>
        this.#settled(question, "withdrawn", { reason: state.status });
      const { question } = await this.#store(found, decide);
      if (question !== undefined) await this.#publish(question);
      return;
    }
    const shown = shownQuestion(found, "");
    await this.#show(shown, lists);
    if (status !== "open") await this.#wakeReaders(found);
    const due = status === "open" ? dueAt(content) : undefined;
    const dueInMs = due === undefined ? undefined : Math.max(due - clock.now(), 0);
    await store.schedule(id, revision, dueInMs);
    this.#wakeIn(id, dueInMs);
  }

  /**
   * Shows a question on the board, or takes it off. A board that refuses it for good, such as an inbox that is full of
   * questions, keeps the question from nobody else: that is reported, and the question goes on without the board.
   */
  async #show(question: Question, lists: readonly string[]): Promise<void> {
    const { board, onError } = this.#context;
    try {
      if (question.status === "open") await board?.put(question, lists);
      else await board?.close(question, lists);
    } catch (error) {
      const isForGood = error instanceof MilepostError && error.code !== "store_unavailable";
      if (!isForGood) throw error;
      onError(error);
    }
  }

  /** Wakes the calls that wait for the end of the question. */
  async #wakeReaders({ stored }: FoundQuestion): Promise<void> {
    const { id, operationId, revision } = stored;
    const channel = questionChannel(operationId);
    await this.#context.assured.publish(`${channel} ${id}`, {
      channel,
      event: changedEvent,
      json: JSON.stringify({ question_id: id }),
      key: `${id}@${revision}`,
      publisher,
    });
  }

  #wakeIn(id: string, ms: number | undefined): void {
    const { wheel } = this.#context;
    const known = this.#timers.get(id);
    if (ms === undefined || this.#closed) {
      if (known !== undefined) wheel.clear(known);
      this.#timers.delete(id);
      return;
    }
    const timer = known ?? new Timer(() => void this.#onDue(id));
    this.#timers.set(id, timer);
    wheel.set(timer, Math.min(ms, maxTimerMs));
  }

  async #onDue(id: string): Promise<void> {
    const { store, onError } = this.#context;
    this.#timers.delete(id);
    try {
      const stored = await store.get(id);
      if (stored !== undefined) await this.#look(stored);
    } catch (error) {
      onError(error);
      this.#wakeIn(id, untoldMs);
    }
  }

  /** Does what is due for a question, and publishes it if nothing is: an earlier change may not be published yet. */
  async #look(stored: StoredQuestion): Promise<void> {
    const found = foundQuestion(stored);
    const after = await this.bringUpToDate(found);
    if (after === found) await this.publish(found);
  }

  #keepMs({ deadline_at }: QuestionContent): number {
    const { limits, clock } = this.#context;
    const left = deadline_at === undefined ? 0 : deadline_at - clock.now();
    return limits.questionKeepMs + Math.max(left, 0);
  }

  #count({ stored, content }: FoundQuestion): void {
    const { questionsSettled } = this.#context.instruments;
    if (stored.status === "open") return;
    if (stored.status !== "answered") questionsSettled[stored.status].add(1);
    else questionsSettled[content.by_default === true ? "default" : "answered"].add(1);
  }
}
