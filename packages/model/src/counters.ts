import { type Amount, addAmounts, compareAmounts, subtractAmounts } from "./amount.ts";
import type { OperationEvents } from "./operation-event.ts";
import type { OperationState } from "./operation-state.ts";
import type { Counters } from "./operation-tree.ts";
import { treeBounds } from "./tree-fields.ts";

const none: Counters = {};

/** Returns the amount of a counter; 0 if nothing was counted. */
export function amountOf(counters: Counters | undefined, name: string): Amount {
  return (counters !== undefined && Object.hasOwn(counters, name) && counters[name]) || "0";
}

/**
 * Adds to a counter. A counter of the operation's own that would be one too many is left out; see
 * {@link mayCount}.
 */
export function count(
  state: OperationState,
  { name, add }: OperationEvents["count"],
): OperationState {
  if (!mayCount(state, name)) return state;
  const sum = addAmounts(amountOf(state.counters, name), add);
  // A computed key defines an own field, even if it is named __proto__.
  return { ...state, counters: { ...state.counters, [name]: sum } };
}

/** True if an operation may count this: it counts it already, or has fewer counters than its bound. */
export function mayCount({ counters = none }: OperationState, name: string): boolean {
  return Object.hasOwn(counters, name) || Object.keys(counters).length < treeBounds.counters;
}

/** Replaces the children's part of an operation's counters. What the operation has counted itself stays. */
export function withChildCounters(
  counters: Counters | undefined,
  before: Counters = none,
  after: Counters = none,
): Counters | undefined {
  const sums: Record<string, Amount> = { ...counters };
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const own = subtractAmounts(amountOf(counters, name), amountOf(before, name));
    const sum = addAmounts(own, amountOf(after, name));
    Object.defineProperty(sums, name, {
      value: sum,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return counters === undefined && Object.keys(sums).length === 0 ? undefined : sums;
}

/** True if the operation has a budget and its counter is above the limit. */
export function isOverBudget({ budget, counters }: OperationState): boolean {
  return (
    budget !== undefined && compareAmounts(amountOf(counters, budget.counter), budget.limit) > 0
  );
}
