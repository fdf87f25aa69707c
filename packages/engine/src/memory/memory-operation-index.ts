import { mergedOperation, operationOwners, ownerOfQuery } from "../operation-owners.ts";
import { matchesQuery, newestFirst } from "../operation-query.ts";
import type { Clock } from "../ports/clock.ts";
import type {
  ChangedParent,
  IndexedOperation,
  OperationIndex,
  OperationQuery,
} from "../ports/operation-index.ts";

interface Remembered {
  readonly operation: IndexedOperation;
  readonly until: number;
  readonly dueAt: number | undefined;
}

/**
 * Operation index of one process, kept in memory. The lists per owner make the cost of a query depend on what
 * the owner has, not on the number of all operations.
 */
export class MemoryOperationIndex implements OperationIndex {
  readonly #clock: Clock;
  /** Operations in the order of their last put, the least recently touched first. */
  readonly #operations = new Map<string, Remembered>();
  /** Operation ids by owner; keys are `session:…`, `user:…`, `producer:…`, `parent:…`, `tag:…`. */
  readonly #owned = new Map<string, Set<string>>();
  /** Open changes of parents, the oldest first. */
  readonly #changes = new Map<string, { readonly change: number; readonly at: number }>();
  #lastChange = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async put(operation: IndexedOperation, maxAgeMs: number, dueInMs?: number): Promise<void> {
    this.#forget();
    const id = operation.summary.operation_id;
    const before = this.#operations.get(id);
    const known = before !== undefined && this.#isKept(before) ? before : undefined;
    this.#drop(id);
    const now = this.#clock.monotonic();
    const wanted = dueInMs === undefined ? undefined : now + dueInMs;
    const merged = mergedOperation(known, operation, wanted);
    this.#operations.set(id, { ...merged, until: now + maxAgeMs });
    for (const owner of operationOwners(merged.operation)) {
      const ids = this.#owned.get(owner);
      if (ids === undefined) this.#owned.set(owner, new Set([id]));
      else ids.add(id);
    }
    this.#open(operation.summary.parent);
  }

  async due(lateMs: number, limit: number): Promise<readonly string[]> {
    this.#forget();
    const before = this.#clock.monotonic() - lateMs;
    const due = [...this.#operations].flatMap(([id, known]) =>
      known.dueAt === undefined || known.dueAt > before || !this.#isKept(known)
        ? []
        : [{ id, dueAt: known.dueAt }],
    );
    due.sort((a, b) => a.dueAt - b.dueAt);
    return due.slice(0, limit).map(({ id }) => id);
  }

  async get(operationId: string): Promise<IndexedOperation | undefined> {
    this.#forget();
    return this.#find(operationId);
  }

  async list(query: OperationQuery): Promise<readonly IndexedOperation[]> {
    this.#forget();
    const found: IndexedOperation[] = [];
    for (const id of this.#candidates(query)) {
      const operation = this.#find(id);
      if (operation !== undefined && matchesQuery(operation, query)) found.push(operation);
    }
    found.sort((a, b) => newestFirst(a.summary, b.summary));
    return found.slice(0, query.limit);
  }

  async remove(operationId: string): Promise<void> {
    this.#open(this.#operations.get(operationId)?.operation.summary.parent);
    this.#drop(operationId);
  }

  async openChange(parent: string): Promise<number | undefined> {
    this.#forget();
    return this.#changes.get(parent)?.change;
  }

  async settleChange(parent: string, change: number): Promise<void> {
    if (this.#changes.get(parent)?.change === change) this.#changes.delete(parent);
  }

  async takeChanges(lateMs: number, limit: number): Promise<readonly ChangedParent[]> {
    this.#forget();
    const before = this.#clock.monotonic() - lateMs;
    const late: string[] = [];
    for (const [parent, { at }] of this.#changes) {
      if (at > before || late.length >= limit) break;
      late.push(parent);
    }
    return late.map((parent) => ({ parent, change: this.#open(parent) }));
  }

  /** Opens a change of a parent's children, in place of the open one; returns its number. */
  #open(parent: string | undefined): number {
    const change = ++this.#lastChange;
    if (parent === undefined) return change;
    this.#changes.delete(parent);
    this.#changes.set(parent, { change, at: this.#clock.monotonic() });
    return change;
  }

  #candidates(query: OperationQuery): Iterable<string> {
    const owner = ownerOfQuery(query);
    return owner === undefined ? this.#operations.keys() : (this.#owned.get(owner) ?? []);
  }

  #drop(id: string): void {
    const known = this.#operations.get(id);
    if (known === undefined) return;
    this.#operations.delete(id);
    for (const owner of operationOwners(known.operation)) {
      const ids = this.#owned.get(owner);
      ids?.delete(id);
      if (ids?.size === 0) this.#owned.delete(owner);
    }
  }

  #find(id: string): IndexedOperation | undefined {
    const known = this.#operations.get(id);
    return known !== undefined && this.#isKept(known) ? known.operation : undefined;
  }

  #isKept({ until }: Remembered): boolean {
    return until > this.#clock.monotonic();
  }

  /**
   * Drops expired operations from the front of the map, up to the first that has not expired. Look-ups skip
   * expired operations behind that one.
   */
  #forget(): void {
    for (const [id, known] of this.#operations) {
      if (this.#isKept(known)) return;
      const { parent } = known.operation.summary;
      // A parent that is gone itself has nobody who would settle its change.
      if (parent !== undefined && this.#operations.has(parent)) this.#open(parent);
      this.#changes.delete(id);
      this.#drop(id);
    }
  }
}
