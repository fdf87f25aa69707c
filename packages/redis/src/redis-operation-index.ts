import {
  type ChangedParent,
  type IndexedOperation,
  matchesQuery,
  type OperationIndex,
  type OperationQuery,
} from "@milepost/engine";
import type { Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

const page = 100;

/**
 * Index of the operations of all nodes. Everything is in one hash slot, so that each change is one atomic step.
 */
export class RedisOperationIndex implements OperationIndex {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: RedisClock;

  constructor(link: RedisLink, keys: Keys, clock: RedisClock) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
  }

  async put(operation: IndexedOperation, maxAgeMs: number, dueInMs?: number): Promise<void> {
    const { summary, producer } = operation;
    const lists = [this.#keys.operationList()];
    if (summary.session_id !== undefined)
      lists.push(this.#keys.operationList("session", summary.session_id));
    if (summary.user_id !== undefined)
      lists.push(this.#keys.operationList("user", summary.user_id));
    if (producer !== undefined) lists.push(this.#keys.operationList("producer", producer));
    if (summary.parent !== undefined)
      lists.push(this.#keys.operationList("parent", summary.parent));
    for (const tag of summary.tags ?? []) lists.push(this.#keys.operationList("tag", tag));
    const now = this.#clock.now();
    await this.#link.run(
      scripts.operationPut,
      [...this.#keys.operations(), ...lists],
      [
        now,
        summary.operation_id,
        String(Number(now) + maxAgeMs),
        String(summary.created_at),
        dueInMs === undefined ? "" : (Number(now) + dueInMs).toFixed(0),
        JSON.stringify(operation),
        String(operation.offset),
        String(operation.fence),
        summary.parent ?? "",
      ],
    );
  }

  async due(lateMs: number, limit: number): Promise<readonly string[]> {
    const before = (Number(this.#clock.now()) - lateMs).toFixed(0);
    const args = [before, String(limit)];
    return (await this.#link.run(scripts.operationDue, this.#keys.operations(), args)) as string[];
  }

  async get(operationId: string): Promise<IndexedOperation | undefined> {
    const args = [this.#clock.now(), operationId];
    const found = await this.#link.run(scripts.operationGet, this.#keys.operations(), args);
    return typeof found === "string" ? (JSON.parse(found) as IndexedOperation) : undefined;
  }

  async list(query: OperationQuery): Promise<readonly IndexedOperation[]> {
    const keys = [...this.#keys.operations(), this.#listOf(query)];
    const found: IndexedOperation[] = [];
    for (let after = 0; found.length < query.limit; after += page) {
      const args = [this.#clock.now(), String(after), String(page)];
      const records = (await this.#link.run(scripts.operationPage, keys, args)) as string[];
      for (const record of records) {
        // The script returns an empty string in the place of an operation that has expired.
        if (record === "") continue;
        const operation = JSON.parse(record) as IndexedOperation;
        if (matchesQuery(operation, query)) found.push(operation);
      }
      if (records.length < page) break;
    }
    return found.slice(0, query.limit);
  }

  async remove(operationId: string): Promise<void> {
    await this.#link.run(scripts.operationRemove, this.#keys.operations(), [
      this.#clock.now(),
      operationId,
    ]);
  }

  async openChange(parent: string): Promise<number | undefined> {
    const answer = await this.#change("get", parent);
    return typeof answer === "string" ? Number(answer) : undefined;
  }

  async settleChange(parent: string, change: number): Promise<void> {
    await this.#change("settle", parent, String(change));
  }

  async takeChanges(lateMs: number, limit: number): Promise<readonly ChangedParent[]> {
    const taken = (await this.#change("take", String(lateMs), String(limit))) as string[];
    const found: ChangedParent[] = [];
    for (let i = 0; i + 1 < taken.length; i += 2) {
      found.push({ parent: taken[i] ?? "", change: Number(taken[i + 1]) });
    }
    return found;
  }

  #change(action: "get" | "settle" | "take", ...args: readonly string[]): Promise<unknown> {
    const all = [this.#clock.now(), action, ...args];
    return this.#link.run(scripts.operationChanges, this.#keys.operations(), all);
  }

  /**
   * Returns the key of a list that contains every possible match: the list of one owner if the query names a
   * session, user, producer, parent or tag, otherwise the list of all operations.
   */
  #listOf({ session, user, producer, tag, parent }: OperationQuery): string {
    if (session !== undefined) return this.#keys.operationList("session", session);
    if (user !== undefined) return this.#keys.operationList("user", user);
    if (producer !== undefined) return this.#keys.operationList("producer", producer);
    if (parent !== undefined) return this.#keys.operationList("parent", parent);
    if (tag !== undefined) return this.#keys.operationList("tag", tag);
    return this.#keys.operationList();
  }
}
