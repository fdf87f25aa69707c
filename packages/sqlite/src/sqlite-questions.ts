import {
  type NewQuestion,
  noRoomForQuestion,
  type QuestionBounds,
  type QuestionQuery,
  type Questions,
  type QuestionTimes,
  type StoredQuestion,
  tooManyOpenQuestions,
} from "@milepost/engine";
import type { Row } from "./driver/database.ts";
import type { PortParts } from "./port-parts.ts";

const columns = "q.id, q.operation, q.asked, q.key, q.revision, q.status, q.json";

/** Questions in the file. The number of a question rises with each of its changes; `asked` is the number it began with. */
export class SqliteQuestions implements Questions {
  readonly #parts: PortParts;
  readonly #statements;

  constructor(parts: PortParts) {
    const { store } = parts;
    this.#parts = parts;
    this.#statements = {
      get: store.prepare(`SELECT ${columns} FROM question q WHERE q.id = ? AND q.until > ?`),
      byKey: store.prepare(
        `SELECT ${columns} FROM question q WHERE q.operation = ? AND q.key = ? AND q.until > ?`,
      ),
      freeKey: store.prepare("UPDATE question SET key = NULL WHERE operation = ? AND key = ?"),
      open: store.prepare(
        "SELECT count(*) AS open FROM question WHERE operation = ? AND status = 'open' AND until > ?",
      ),
      ofOperation: store.prepare(
        "SELECT id, status, until FROM question WHERE operation = ? ORDER BY asked",
      ),
      count: store.prepare("SELECT count(*) AS held FROM question"),
      settled: store.prepare(
        "SELECT id FROM question WHERE status <> 'open' ORDER BY number LIMIT 1",
      ),
      nextNumber: store.prepare(
        "SELECT coalesce(max(seq), 0) + 1 AS number FROM sqlite_sequence WHERE name = 'question'",
      ),
      put: store.prepare("INSERT INTO question VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      enlist: store.prepare("INSERT OR REPLACE INTO question_list VALUES (?, ?, ?)"),
      remove: store.prepare("DELETE FROM question WHERE id = ?"),
      leave: store.prepare("DELETE FROM question_list WHERE id = ?"),
      schedule: store.prepare(
        "UPDATE question SET due_at = ? WHERE id = ? AND revision = ? AND until > ?",
      ),
      list: store.prepare(
        `SELECT ${columns} FROM question_list l CROSS JOIN question q ON q.id = l.id WHERE l.list = ? AND q.until > ? ORDER BY l.asked DESC LIMIT ?`,
      ),
      listOfOperation: store.prepare(
        `SELECT ${columns} FROM question q WHERE q.operation = ? AND q.until > ? ORDER BY q.asked DESC LIMIT ?`,
      ),
      due: store.prepare(
        `SELECT ${columns} FROM question q WHERE q.due_at <= ? AND q.until > ? ORDER BY q.due_at LIMIT ?`,
      ),
    };
  }

  add(
    { key, replaces, ...asked }: NewQuestion,
    times: QuestionTimes,
    bounds: QuestionBounds,
  ): Promise<{ readonly question: StoredQuestion; readonly isNew: boolean }> {
    const { store } = this.#parts;
    return store.step(() => {
      const now = this.#now();
      const { operationId } = asked;
      const known =
        key === undefined ? undefined : this.#statements.byKey.get(operationId, key, now);
      if (known !== undefined && known.id !== replaces) {
        return { question: questionOf(known), isNew: false };
      }
      store.requireRoom();
      const open = Number(this.#statements.open.get(operationId, now)?.open);
      if (open >= bounds.maxOpen) throw tooManyOpenQuestions(bounds.maxOpen);
      const ofOperation = this.#statements.ofOperation.all(operationId);
      let left = ofOperation.length;
      for (const { id, status, until } of ofOperation) {
        if (left < bounds.maxPerOperation) break;
        if (status === "open" && Number(until) > now) continue;
        this.#drop(String(id));
        left--;
      }
      if (this.#held() >= bounds.maxQuestions) this.#dropSettled();
      if (this.#held() >= bounds.maxQuestions) throw noRoomForQuestion();
      if (key !== undefined) this.#statements.freeKey.run(operationId, key);
      const question: StoredQuestion = { ...asked, revision: 0, status: "open" };
      this.#put(question, key, undefined, times);
      return { question, isNew: true };
    });
  }

  change(question: StoredQuestion, times: QuestionTimes): Promise<StoredQuestion | undefined> {
    return this.#parts.store.step(() => {
      const row = this.#statements.get.get(question.id, this.#now());
      if (row === undefined) return undefined;
      if (Number(row.revision) + 1 !== question.revision) return questionOf(row);
      this.#drop(question.id);
      const key = row.key === null ? undefined : String(row.key);
      this.#put(question, key, Number(row.asked), times);
      return question;
    });
  }

  async schedule(id: string, revision: number, dueInMs: number | undefined): Promise<void> {
    await this.#parts.store.step(() =>
      this.#statements.schedule.run(this.#in(dueInMs), id, revision, this.#now()),
    );
  }

  get(id: string): Promise<StoredQuestion | undefined> {
    return this.#parts.store.read(() => {
      const row = this.#statements.get.get(id, this.#now());
      return row && questionOf(row);
    });
  }

  list(query: QuestionQuery): Promise<readonly StoredQuestion[]> {
    return this.#parts.store.read(() => {
      const rows =
        "list" in query
          ? this.#statements.list.all(query.list, this.#now(), query.limit)
          : this.#statements.listOfOperation.all(query.operationId, this.#now(), query.limit);
      return rows.map(questionOf);
    });
  }

  due(lateMs: number, limit: number): Promise<readonly StoredQuestion[]> {
    return this.#parts.store.read(() => {
      const now = this.#now();
      return this.#statements.due.all(now - lateMs, now, limit).map(questionOf);
    });
  }

  #put(
    question: StoredQuestion,
    key: string | undefined,
    askedBefore: number | undefined,
    { dueInMs, keepMs }: QuestionTimes,
  ): void {
    const number = Number(this.#statements.nextNumber.get()?.number);
    const asked = askedBefore ?? number;
    const { id, operationId, revision, status, lists, json } = question;
    this.#statements.put.run(
      number,
      id,
      operationId,
      asked,
      key ?? null,
      revision,
      status,
      JSON.stringify({ lists, json }),
      this.#in(dueInMs),
      this.#now() + keepMs,
    );
    if (status !== "open") return;
    for (const list of lists) this.#statements.enlist.run(list, asked, id);
  }

  #drop(id: string): void {
    this.#statements.remove.run(id);
    this.#statements.leave.run(id);
  }

  #dropSettled(): void {
    const oldest = this.#statements.settled.get();
    if (oldest !== undefined) this.#drop(String(oldest.id));
  }

  #held(): number {
    return Number(this.#statements.count.get()?.held);
  }

  #in(ms: number | undefined): number | null {
    return ms === undefined ? null : this.#now() + ms;
  }

  #now(): number {
    return this.#parts.storeClock.now();
  }
}

function questionOf(row: Row): StoredQuestion {
  return {
    id: String(row.id),
    operationId: String(row.operation),
    revision: Number(row.revision),
    status: row.status as StoredQuestion["status"],
    ...(JSON.parse(String(row.json)) as Pick<StoredQuestion, "lists" | "json">),
  };
}
