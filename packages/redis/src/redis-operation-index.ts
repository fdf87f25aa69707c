import {
  type ChangedParent,
  type IndexedOperation,
  matchesQuery,
  type OperationIndex,
  type OperationQuery,
  operationOwners,
  ownerOfQuery,
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
    const { summary } = operation;
    const owned = operationOwners(operation).map((owner) => this.#keys.operationList(owner));
    const now = this.#clock.now();
    await this.#link.run(
      scripts.operationPut,
      [...this.#keys.operations(), this.#keys.operationList(), ...owned],
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
    const keys = [...this.#keys.operations(), this.#keys.operationList(ownerOfQuery(query))];
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
}
