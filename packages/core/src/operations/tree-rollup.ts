import type { IndexedOperation, OperationIndex } from "@milepost/engine";
import {
  type Amount,
  addAmounts,
  amountOf,
  type ChildrenState,
  isFinal,
  type OperationState,
  type OperationStatus,
} from "@milepost/model";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

/** Time within which changes of the children of one parent become one report, in milliseconds. */
const rollUpMs = 250;
const retryMs = 1_000;
/** Number of children that are read; more than a parent may have. */
const maxRead = 2_000;
const rolledUpTogether = 8;
/** Number of parents that one sweep compares with their children. */
const sweptParents = 50;

/** Sum of the work of an operation's children, before it has a revision. */
export type ChildrenReport = Omit<ChildrenState, "revision">;

/** Parts of the node that a {@link TreeRollUp} uses. */
export interface TreeRollUpContext {
  readonly index: OperationIndex;
  readonly wheel: TimerWheel;
  /**
   * Reads the parent's state, then its children, and appends the report to the parent's log if it differs from the state.
   * Resolves with false if another node appended a report meanwhile, of which nobody knows whether it is the newer one.
   */
  readonly tell: (parent: string, read: () => Promise<ChildrenReport>) => Promise<boolean>;
  readonly onError: (error: unknown) => void;
}

/**
 * Reports to parents what their children have done together.
 *
 * A report is computed from the index entries of all children, so it does not matter how often, in which order and by
 * which node they changed: the next report repairs what an earlier one missed. Changes within 250 ms become one report,
 * so the work for one change of a child does not grow with the number of its siblings.
 */
export class TreeRollUp extends Deadline {
  readonly #context: TreeRollUpContext;
  #dirty = new Set<string>();
  #running: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(context: TreeRollUpContext) {
    super();
    this.#context = context;
  }

  /** Reports to the parent of a changed operation, soon. */
  changed(parent: string | undefined): void {
    if (parent === undefined || this.#isClosed) return;
    this.#dirty.add(parent);
    if (this.dueAt === undefined) this.#context.wheel.set(this, rollUpMs);
  }

  /** Compares parents that have not ended with their children: a node that should have reported may have died. */
  async sweep(): Promise<void> {
    const parents = await this.#context.index.list({ parents: true, limit: sweptParents });
    for (const { summary } of parents) this.changed(summary.operation_id);
  }

  /** Reports what is known to have changed, and nothing after it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#context.wheel.clear(this);
    await this.#running;
    await this.#rollUp();
  }

  override onDue(): void {
    this.#running = this.#rollUp();
  }

  async #rollUp(): Promise<void> {
    const { wheel, onError } = this.#context;
    const parents = [...this.#dirty];
    this.#dirty = new Set();
    const failed: string[] = [];
    for (let i = 0; i < parents.length; i += rolledUpTogether) {
      const some = parents.slice(i, i + rolledUpTogether).map(async (parent) => {
        try {
          await this.#one(parent);
        } catch (error) {
          onError(error);
          failed.push(parent);
        }
      });
      await Promise.all(some);
    }
    if (failed.length === 0 || this.#isClosed) return;
    for (const parent of failed) this.#dirty.add(parent);
    wheel.set(this, retryMs);
  }

  async #one(parent: string): Promise<void> {
    const { index, tell } = this.#context;
    const read = async () => rolledUp(await index.list({ parent, limit: maxRead }));
    if (!(await tell(parent, read))) this.changed(parent);
  }
}

/** Returns what children have done together. All sums are of whole numbers, so they are exact. */
export function rolledUp(children: readonly IndexedOperation[]): ChildrenReport {
  let weights = 0;
  let complete = 0;
  const counts = new Map<OperationStatus, number>();
  const counters: Record<string, Amount> = Object.create(null);
  for (const { summary, weight = 1, counters: own = {} } of children) {
    const share = Math.round(weight * 1_000);
    weights += share;
    complete += share * Math.round(summary.percent * 1_000);
    counts.set(summary.status, (counts.get(summary.status) ?? 0) + 1);
    for (const name of Object.keys(own)) {
      counters[name] = addAmounts(counters[name] ?? "0", amountOf(own, name));
    }
  }
  const names = Object.keys(counters).sort().slice(0, maxCounters);
  return {
    total: children.length,
    // Rounded down to hundredths, so that only complete work is 100.
    ...(weights > 0 ? { percent: Math.floor(complete / weights / 10) / 100 } : {}),
    statuses: Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))),
    ...(names.length > 0
      ? { counters: Object.fromEntries(names.map((name) => [name, counters[name] ?? "0"])) }
      : {}),
  };
}

/** Number of different counters of all children that reach the parent. */
const maxCounters = 32;

/** Returns the report of the children, with the next revision; undefined if the parent's state has it already. */
export function nextReport(
  { children: before }: OperationState,
  children: ChildrenReport,
): ChildrenState | undefined {
  if (before === undefined && children.total === 0) return undefined;
  const revision = (before?.revision ?? 0) + 1;
  if (before === undefined) return { ...children, revision };
  const { revision: _, ...known } = before;
  return JSON.stringify(known) === JSON.stringify(children) ? undefined : { ...children, revision };
}

/** Number of levels that a tree of operations may have. */
export const maxTreeDepth = 8;
/** Number of children that an operation may have. */
export const maxChildren = 1_000;

/** Returns why an operation cannot get another child; undefined if it can. */
export function refusesChild({ status, children }: OperationState): string | undefined {
  if (isFinal(status)) return `it is ${status}; start it again before it gets children`;
  if ((children?.total ?? 0) < maxChildren) return undefined;
  return `it has ${maxChildren} children; group them under operations of their own`;
}
