import type { Amount } from "./amount.ts";
import type { OperationStatus } from "./operation-status.ts";

/** Amounts by the name of their counter, such as `tokens` or `cost_usd`. */
export type Counters = Readonly<Record<string, Amount>>;

/** Sum of the work of an operation's children, with all of their own descendants. */
export interface ChildrenState {
  /** Number of children. */
  readonly total: number;
  /**
   * Mean of the children's percentages, weighted by their weights, in hundredths. Absent if no child has a weight; the
   * children then do not determine the progress of the parent.
   */
  readonly percent?: number;
  /** Number of children in each status; statuses without children are absent. */
  readonly statuses: Readonly<Partial<Record<OperationStatus, number>>>;
  /** Sums of the children's counters; absent if they have none. A deleted child no longer counts. */
  readonly counters?: Counters;
  /** Number that grows with each change. A report of the children with a lower one is ignored. */
  readonly revision: number;
}

/** A budget: the limit of one counter, descendants included. */
export interface Budget {
  readonly counter: string;
  readonly limit: Amount;
}

/** A budget and what has come of it. */
export interface BudgetState extends Budget {
  /** Time at which the counter passed the limit, in milliseconds since 1970; absent while the limit holds. */
  readonly passed_at?: number;
  /** The counter when it passed the limit. */
  readonly spent?: Amount;
  /** The question whether to go on. */
  readonly question_id?: string;
  /** True if the answer was to stop. */
  readonly stopped?: true;
}

/** A link of an operation, for instance to what it has deployed. */
export interface OperationLink {
  /** Id of the link: a later link with the same id replaces it. */
  readonly id: string;
  readonly title: string;
  /** Address, always https. */
  readonly url: string;
  readonly at: number;
}

/** Something that an operation has made: small data inline, anything else by its address. */
export interface Artefact {
  /** Name, unique in the operation: a later artefact with the same name replaces it. */
  readonly name: string;
  /** Media type, such as `text/csv`. */
  readonly type?: string;
  /** Size in bytes, where the producer gives it. */
  readonly size?: number;
  /** Address, always https; absent if the data are inline. */
  readonly url?: string;
  /** The data themselves. */
  readonly data?: unknown;
  readonly at: number;
}

/** Reason why nothing moves although the producer lives. */
export interface BusyState {
  readonly reason: string;
  /** Time until which the producer expects to be silent, in milliseconds since 1970. */
  readonly until?: number;
  /** Time since when the reason holds. */
  readonly since: number;
}
