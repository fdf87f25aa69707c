import type { Clock } from "../ports/clock.ts";
import type {
  NewQuestion,
  QuestionBounds,
  QuestionQuery,
  Questions,
  QuestionTimes,
  StoredQuestion,
} from "../ports/questions.ts";
import { noRoomForQuestion, tooManyOpenQuestions } from "../question-errors.ts";

interface Held {
  question: StoredQuestion;
  readonly key: string | undefined;
  endsAt: number;
  dueAt: number | undefined;
}

/** Questions of one process. Every `add` looks at the two questions that were changed longest ago, so that they end. */
export class MemoryQuestions implements Questions {
  readonly #clock: Clock;
  /** Questions by id, those that were changed longest ago first. */
  readonly #held = new Map<string, Held>();
  /** Ids of an operation's questions, in the order in which they were asked. */
  readonly #operations = new Map<string, Set<string>>();
  readonly #keys = new Map<string, string>();
  /** Ids of open questions by list, in the order in which they were put there. */
  readonly #lists = new Map<string, Set<string>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async add(
    { key, replaces, ...asked }: NewQuestion,
    times: QuestionTimes,
    bounds: QuestionBounds,
  ): Promise<{ readonly question: StoredQuestion; readonly isNew: boolean }> {
    this.#forget();
    const { id, operationId } = asked;
    const name = key === undefined ? undefined : keyOf(operationId, key);
    const known = this.#find(this.#keys.get(name ?? ""));
    if (known !== undefined && known.question.id !== replaces) {
      return { question: known.question, isNew: false };
    }
    const ids = this.#operations.get(operationId) ?? new Set();
    const open = [...ids].filter((each) => this.#find(each)?.question.status === "open");
    if (open.length >= bounds.maxOpen) throw tooManyOpenQuestions(bounds.maxOpen);
    for (const each of [...ids]) {
      if (ids.size < bounds.maxPerOperation) break;
      if (!open.includes(each)) this.#drop(each);
    }
    if (this.#held.size >= bounds.maxQuestions) this.#dropSettled();
    if (this.#held.size >= bounds.maxQuestions) throw noRoomForQuestion();
    const question: StoredQuestion = { ...asked, revision: 0, status: "open" };
    this.#operations.set(operationId, ids.add(id));
    if (name !== undefined) this.#keys.set(name, id);
    this.#put(question, name, times);
    return { question, isNew: true };
  }

  async change(
    question: StoredQuestion,
    times: QuestionTimes,
  ): Promise<StoredQuestion | undefined> {
    const held = this.#find(question.id);
    if (held === undefined) return undefined;
    if (held.question.revision + 1 !== question.revision) return held.question;
    this.#leaveLists(held.question);
    this.#held.delete(question.id);
    this.#put(question, held.key, times);
    return question;
  }

  async schedule(id: string, revision: number, dueInMs: number | undefined): Promise<void> {
    const held = this.#find(id);
    if (held?.question.revision === revision) held.dueAt = this.#in(dueInMs);
  }

  async get(id: string): Promise<StoredQuestion | undefined> {
    return this.#find(id)?.question;
  }

  async list(query: QuestionQuery): Promise<readonly StoredQuestion[]> {
    const ids =
      "list" in query ? this.#lists.get(query.list) : this.#operations.get(query.operationId);
    const found: StoredQuestion[] = [];
    for (const id of [...(ids ?? [])].reverse()) {
      if (found.length >= query.limit) break;
      const held = this.#find(id);
      if (held !== undefined) found.push(held.question);
    }
    return found;
  }

  async due(lateMs: number, limit: number): Promise<readonly StoredQuestion[]> {
    const before = this.#clock.monotonic() - lateMs;
    const due: Held[] = [];
    for (const held of this.#held.values()) {
      if (held.dueAt !== undefined && held.dueAt <= before) due.push(held);
    }
    due.sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0));
    return due.slice(0, limit).map(({ question }) => question);
  }

  #put(question: StoredQuestion, key: string | undefined, { dueInMs, keepMs }: QuestionTimes) {
    const endsAt = this.#clock.monotonic() + keepMs;
    this.#held.set(question.id, { question, key, endsAt, dueAt: this.#in(dueInMs) });
    if (question.status !== "open") return;
    for (const list of question.lists) {
      const ids = this.#lists.get(list) ?? new Set();
      this.#lists.set(list, ids.add(question.id));
    }
  }

  #in(ms: number | undefined): number | undefined {
    return ms === undefined ? undefined : this.#clock.monotonic() + ms;
  }

  #find(id: string | undefined): Held | undefined {
    const held = id === undefined ? undefined : this.#held.get(id);
    if (held === undefined || held.endsAt > this.#clock.monotonic()) return held;
    this.#drop(held.question.id);
    return undefined;
  }

  #drop(id: string): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    const { operationId } = held.question;
    this.#held.delete(id);
    this.#leaveLists(held.question);
    if (held.key !== undefined && this.#keys.get(held.key) === id) this.#keys.delete(held.key);
    const ids = this.#operations.get(operationId);
    ids?.delete(id);
    if (ids?.size === 0) this.#operations.delete(operationId);
  }

  #leaveLists({ id, lists }: StoredQuestion): void {
    for (const list of lists) {
      const ids = this.#lists.get(list);
      ids?.delete(id);
      if (ids?.size === 0) this.#lists.delete(list);
    }
  }

  #dropSettled(): void {
    for (const [id, { question }] of this.#held) {
      if (question.status === "open") continue;
      this.#drop(id);
      return;
    }
  }

  #forget(): void {
    let looked = 0;
    for (const id of this.#held.keys()) {
      if (++looked > 2) return;
      this.#find(id);
    }
  }
}

function keyOf(operationId: string, key: string): string {
  return `${operationId.length}:${operationId}${key}`;
}
