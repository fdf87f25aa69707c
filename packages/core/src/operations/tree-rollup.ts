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
/** Time after which a change that nobody has reported is taken over, in milliseconds: its node has probably died. */
const lateMs = 500;
/** Interval at which every node looks for such changes, in milliseconds. */
const lookMs = 500;
/** Number of children that are read; more than a parent may have. */
const maxRead = 2_000;
const rolledUpTogether = 8;
/** Number of changes that a node takes over at once. */
const takenTogether = 200;

/** Sum of the work of an operation's children, before it has a revision. */
export type ChildrenReport = Omit<ChildrenState, "revision">;

/** Parts of the node that a {@link TreeRollUp} uses. */
export interface TreeRollUpContext {
  readonly index: OperationIndex;
  readonly wheel: TimerWheel;
  /**
   * Reads the parent's state, then its children, and appends the report to the parent's log if it differs from the state.
   * With `isLate`, the parent's index entry is brought up to date even if the log has the report already: the node that
   * appended it may have died before it did so. Resolves with false if another node appended a report meanwhile, of which
   * nobody knows whether it is the newer one.
   */
  readonly tell: (
    parent: string,
    read: () => Promise<ChildrenReport>,
    isLate: boolean,
  ) => Promise<boolean>;
  readonly onError: (error: unknown) => void;
}

/**
 * Reports to parents what their children have done together.
 *
 * A report is computed from the index entries of all children, so it does not matter how often, in which order and by
 * which node they changed: the next report repairs what an earlier one missed. Changes within 250 ms become one report,
 * so the work for one change of a child does not grow with the number of its siblings.
 *
 * The index keeps each change open until it is reported. Every node looks for changes that have been open for long, takes
 * them over, and reports them at once, so what a dead node has left reaches each level of the tree within a second.
 */
export class TreeRollUp extends Deadline {
  readonly #context: TreeRollUpContext;
  #dirty = new Set<string>();
  #running: Promise<void> = Promise.resolve();
  readonly #look: LateLook;
  #isLooking = false;
  #isClosed = false;

  constructor(context: TreeRollUpContext) {
    super();
    this.#context = context;
    // A look that fails ends the looks; the next heartbeat begins them again, and reports why it cannot.
    this.#look = new LateLook(() => void this.lookForLate().catch(() => {}));
  }

  /** Reports to the parent of a changed operation, soon. */
  changed(parent: string | undefined): void {
    if (parent === undefined || this.#isClosed) return;
    this.#dirty.add(parent);
    if (this.dueAt === undefined) this.#context.wheel.set(this, rollUpMs);
  }

  /**
   * Reports changes that another node should have reported, now and every 500 ms from then on. Rejects if the index cannot be
   * read; nothing looks on then.
   */
  async lookForLate(): Promise<void> {
    if (this.#isLooking || this.#isClosed) return;
    this.#isLooking = true;
    try {
      const late = await this.#context.index.takeChanges(lateMs, takenTogether);
      const parents = late.map(({ parent }) => parent);
      // The heartbeat does not wait for the reports.
      const reported = this.#together(parents, true).finally(() => this.#lookAgain());
      this.#track(reported);
    } catch (error) {
      this.#isLooking = false;
      throw error;
    }
  }

  #lookAgain(): void {
    this.#isLooking = false;
    if (!this.#isClosed) this.#context.wheel.set(this.#look, lookMs);
  }

  /** Reports what is known to have changed, and nothing after it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#context.wheel.clear(this);
    this.#context.wheel.clear(this.#look);
    await this.#running;
    await this.#rollUp();
  }

  override onDue(): void {
    this.#track(this.#rollUp());
  }

  /** Keeps work that {@link close} waits for. The results are dropped: each would hold that of the work before it. */
  #track(work: Promise<void>): void {
    this.#running = Promise.all([this.#running, work]).then(() => {});
  }

  async #rollUp(): Promise<void> {
    const parents = [...this.#dirty];
    this.#dirty = new Set();
    await this.#together(parents, false);
  }

  async #together(parents: readonly string[], isLate: boolean): Promise<void> {
    const { wheel, onError } = this.#context;
    const failed: string[] = [];
    for (let i = 0; i < parents.length; i += rolledUpTogether) {
      const some = parents.slice(i, i + rolledUpTogether).map(async (parent) => {
        try {
          await this.#one(parent, isLate);
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

  async #one(parent: string, isLate: boolean): Promise<void> {
    const { index, tell } = this.#context;
    let change: number | undefined;
    const read = async () => {
      // The change is read before the children, so that one that comes later is not settled with this report.
      change = await index.openChange(parent);
      return rolledUp(await index.list({ parent, limit: maxRead }));
    };
    if (!(await tell(parent, read, isLate))) this.changed(parent);
    else if (change !== undefined) await index.settleChange(parent, change);
  }
}

/** Next look for changes that nobody has reported. */
class LateLook extends Deadline {
  readonly #look: () => void;

  constructor(look: () => void) {
    super();
    this.#look = look;
  }

  override onDue(): void {
    this.#look();
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
