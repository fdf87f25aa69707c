import type { Question } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { reporterOf } from "../channel/channel-requests.ts";
import type { Client } from "../client.ts";
import type { ConnectionState } from "../connection/connection-state.ts";
import { ChangeListeners } from "../runtime/listeners.ts";
import { request } from "./question-requests.ts";
import type { QuestionSource } from "./question-source.ts";
import type { AnswerOptions, QuestionsHandle, QuestionsView } from "./questions-view.ts";

const maxSettled = 20;
/** Longest wait for the end of a snooze, in milliseconds; a browser's timer cannot wait for longer than 24 days. */
const maxWaitMs = 86_400_000;
/** Wait before questions that could not be loaded are asked for again, in milliseconds. */
const retryMs = 5_000;

/**
 * Questions that are asked for whenever their source says that something has changed: what a person may see and answer
 * is for the gateway to say. Several changes during one request make one more request.
 */
export class LiveQuestions implements QuestionsHandle {
  readonly #client: Client;
  readonly #source: QuestionSource;
  readonly #listeners: ChangeListeners;
  #questions = new Map<string, Question>();
  /** User and session to whom the questions were shown; undefined until the client has been connected. */
  #person: string | undefined;
  /** Version of the source at the latest load that succeeded. */
  #loaded: string | undefined;
  #isLoading = false;
  /** True when something has changed since the running load began. */
  #again = false;
  #isFollowed = false;
  #error: MilepostError | undefined;
  #cancelWake: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #view: QuestionsView | undefined;

  constructor(client: Client, source: QuestionSource) {
    this.#client = client;
    this.#source = source;
    // Any valid name will do: the reporter is the client's.
    const reporter = reporterOf(client.channel("questions"));
    this.#listeners = new ChangeListeners(reporter, () => this.#follow());
  }

  getSnapshot(): QuestionsView {
    this.#view ??= this.#build();
    return this.#view;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  async answer(id: string, answer: unknown, { comment }: AnswerOptions = {}): Promise<Question> {
    const params = { ...this.#target(id), answer, ...(comment !== undefined && { comment }) };
    try {
      const { question } = await request<{ readonly question: Question }>(
        this.#client,
        "questions.answer",
        params,
      );
      this.#put(question);
      return question;
    } catch (error) {
      // Somebody else was first, or the question is over: whoever sees the error also sees what has become of it.
      const target = this.#target(id);
      const now = await request<Question>(this.#client, "questions.get", target).catch(() => {});
      if (now !== undefined) this.#put(now);
      throw error;
    }
  }

  async notNow(id: string, forMs?: number): Promise<Question> {
    const params = { ...this.#target(id), ...(forMs !== undefined && { for_ms: forMs }) };
    const question = await request<Question>(this.#client, "questions.snooze", params);
    this.#put(question);
    return question;
  }

  #target(id: string): { readonly operation_id: string; readonly question_id: string } {
    const question = this.#questions.get(id);
    if (question !== undefined) return { operation_id: question.operation_id, question_id: id };
    throw new MilepostError("not_found", `no question ${id} is shown; take the id from the view`);
  }

  #follow(): () => void {
    this.#isFollowed = true;
    const look = () => {
      this.#changed();
      void this.#load();
    };
    const stop = this.#source.follow(look);
    // What was missed while there was no connection is asked for again.
    let wasUp = this.#client.state.state === "connected";
    const stopState = this.#client.onState((state) => {
      const isUp = state.state === "connected";
      if (isUp && !wasUp) this.#loaded = undefined;
      wasUp = isUp;
      this.#belongTo(state);
      look();
    });
    this.#loaded = undefined;
    this.#belongTo(this.#client.state);
    look();
    return () => {
      this.#isFollowed = false;
      stopState();
      stop();
      this.#cancelRetry?.();
      this.#cancelWake?.();
      this.#cancelWake = undefined;
    };
  }

  /** Drops the questions of another person, who used the client before. */
  #belongTo(state: ConnectionState): void {
    if (state.state !== "connected") return;
    const person = JSON.stringify([state.userChannel, state.sessionChannel]);
    if (this.#person !== undefined && this.#person !== person) this.#questions.clear();
    this.#person = person;
  }

  async #load(): Promise<void> {
    const { version } = this.#source.news;
    if (!this.#isFollowed || version === undefined) return;
    if (version === this.#loaded || this.#client.state.state !== "connected") return;
    this.#again = true;
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      while (this.#again) {
        this.#again = false;
        const before = this.#source.news.version;
        const loaded = await this.#source.load([...this.#questions.values()]);
        this.#loaded = before;
        this.#error = undefined;
        this.#replace(loaded);
      }
    } catch (thrown) {
      // A lost connection asks again after the next welcome, and a change asks again at once.
      this.#error = thrown instanceof MilepostError ? thrown : undefined;
      if (this.#error?.retryable === true && this.#isFollowed) this.#retryLater();
    } finally {
      this.#isLoading = false;
      this.#changed();
    }
  }

  #retryLater(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = this.#client.clock.after(retryMs, () => void this.#load());
  }

  #replace(loaded: readonly Question[]): void {
    const settled = [...this.#questions.values()].filter(({ status }) => status !== "open");
    // A question that is over never opens again, whatever an answer says that was under way.
    const over = new Map(settled.map((one) => [one.id, one]));
    this.#questions = new Map([
      ...over,
      ...loaded.map((one): [string, Question] => [one.id, over.get(one.id) ?? one]),
    ]);
    this.#changed();
  }

  #put(question: Question): void {
    if (this.#questions.get(question.id)?.status !== "open" && question.status === "open") return;
    this.#questions.set(question.id, question);
    this.#changed();
  }

  #build(): QuestionsView {
    const now = this.#client.clock.now();
    const all = [...this.#questions.values()];
    const waiting = all.filter(({ status }) => status === "open");
    const isAside = ({ snoozed_until: until = 0 }: Question) => until > now;
    const settled = all
      .filter(({ status }) => status !== "open")
      .sort((a, b) => (b.settled_at ?? 0) - (a.settled_at ?? 0))
      .slice(0, maxSettled);
    const kept = new Set([...waiting, ...settled].map(({ id }) => id));
    for (const id of this.#questions.keys()) if (!kept.has(id)) this.#questions.delete(id);
    const snoozed = waiting
      .filter(isAside)
      .sort((a, b) => (a.snoozed_until ?? 0) - (b.snoozed_until ?? 0));
    this.#wakeAt(snoozed[0]?.snoozed_until, now);
    return {
      status: this.#status(),
      open: waiting.filter((one) => !isAside(one)).sort((a, b) => a.asked_at - b.asked_at),
      snoozed,
      settled,
      error: this.#error ?? this.#source.news.error,
    };
  }

  #status(): QuestionsView["status"] {
    const { status } = this.#source.news;
    if (status !== "live" && status !== "stale") return status;
    if (this.#error !== undefined) return this.#error.retryable ? "stale" : "failed";
    if (this.#loaded === undefined && this.#questions.size === 0) return "loading";
    return this.#client.state.state === "connected" ? status : "stale";
  }

  /** Shows a question again when its snooze is over. */
  #wakeAt(until: number | undefined, now: number): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    if (until === undefined || !this.#isFollowed) return;
    this.#cancelWake = this.#client.clock.after(Math.min(until - now, maxWaitMs), () =>
      this.#changed(),
    );
  }

  #changed(): void {
    this.#view = undefined;
    this.#listeners.changed();
  }
}
