import type {
  NewQuestion,
  QuestionBounds,
  QuestionQuery,
  Questions,
  QuestionTimes,
  StoredQuestion,
} from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import type { Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

/** Questions of all nodes. All are in one hash slot, so that each change is one atomic step. */
export class RedisQuestions implements Questions {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: RedisClock;

  constructor(link: RedisLink, keys: Keys, clock: RedisClock) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
  }

  async add(question: NewQuestion, times: QuestionTimes, bounds: QuestionBounds) {
    const { key, replaces = "", ...asked } = question;
    const { id, operationId } = asked;
    const stored: StoredQuestion = { ...asked, revision: 0, status: "open" };
    const [now, ends, due] = this.#times(times);
    const answer = await this.#link.run(scripts.questionAdd, this.#keysOf(stored), [
      now,
      id,
      key === undefined ? "" : this.#keys.questionKey(operationId, key),
      replaces,
      jsonOf(stored),
      ends,
      due,
      String(bounds.maxOpen),
      String(bounds.maxPerOperation),
      String(bounds.maxQuestions),
    ]);
    if (answer === "open") {
      throw new MilepostError(
        "rate_limited",
        `the operation has ${bounds.maxOpen} open questions already; wait until one is answered`,
      );
    }
    if (answer === "full") {
      throw new MilepostError(
        "store_full",
        "the store holds as many open questions as it may; retry when some are answered",
      );
    }
    return Array.isArray(answer)
      ? { question: questionOf(answer), isNew: false }
      : { question: stored, isNew: true };
  }

  async change(question: StoredQuestion, times: QuestionTimes) {
    const [now, ends, due] = this.#times(times);
    const { id, revision, status } = question;
    const args = [now, id, String(revision), status, jsonOf(question), ends, due];
    const answer = await this.#link.run(scripts.questionChange, this.#keysOf(question), args);
    if (answer === "gone") return undefined;
    return Array.isArray(answer) ? questionOf(answer) : question;
  }

  async schedule(id: string, revision: number, dueInMs: number | undefined): Promise<void> {
    const now = this.#clock.now();
    const due = dueInMs === undefined ? "" : after(now, dueInMs);
    const args = [now, id, String(revision), due];
    await this.#link.run(scripts.questionSchedule, this.#keys.questions(), args);
  }

  async get(id: string) {
    const [found] = await this.#read(scripts.questionGet, this.#keys.questions(), [
      this.#clock.now(),
      id,
    ]);
    return found;
  }

  list(query: QuestionQuery) {
    const list =
      "list" in query
        ? this.#keys.questionList("open", query.list)
        : this.#keys.questionList("operation", query.operationId);
    const args = [this.#clock.now(), String(query.limit)];
    return this.#read(scripts.questionList, [...this.#keys.questions(), list], args);
  }

  due(lateMs: number, limit: number) {
    const now = this.#clock.now();
    const args = [now, String(limit), after(now, -lateMs)];
    return this.#read(scripts.questionList, this.#keys.questions(), args);
  }

  async #read(
    script: (typeof scripts)["questionGet" | "questionList"],
    keys: readonly string[],
    args: readonly string[],
  ): Promise<readonly StoredQuestion[]> {
    const answer = (await this.#link.run(script, keys, args)) as readonly unknown[][];
    return answer.map(questionOf);
  }

  /** Keys of a script that stores a question. A question that is not open is in no list of open ones. */
  #keysOf({ operationId, lists, status }: StoredQuestion): readonly string[] {
    const open = [`operation ${operationId}`, ...lists];
    return [
      ...this.#keys.questions(),
      this.#keys.questionList("operation", operationId),
      ...(status === "open" ? open : []).map((list) => this.#keys.questionList("open", list)),
    ];
  }

  #times({ keepMs, dueInMs }: QuestionTimes): readonly [now: string, ends: string, due: string] {
    const now = this.#clock.now();
    return [now, after(now, keepMs), dueInMs === undefined ? "" : after(now, dueInMs)];
  }
}

function after(now: string, ms: number): string {
  return (Number(now) + ms).toFixed(0);
}

function jsonOf({ operationId, lists, json }: StoredQuestion): string {
  return JSON.stringify([operationId, lists, json]);
}

function questionOf(answer: readonly unknown[]): StoredQuestion {
  const [id = "", revision, status, text = "[]"] = answer.map(String);
  const [operationId, lists, json] = JSON.parse(text) as [string, readonly string[], string];
  return {
    id,
    operationId,
    revision: Number(revision),
    status: status as StoredQuestion["status"],
    lists,
    json,
  };
}
