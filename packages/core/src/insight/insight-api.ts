import type { Principal } from "../rules/principal.ts";
import type { CoreLimits } from "../runtime/limits.ts";
import type { Limited } from "./recent-limits.ts";

/** A channel that has readers on the node that answers. */
export interface OpenChannel {
  readonly channel: string;
  /** Number of subscriptions on this node. */
  readonly readers: number;
  /** Newest position that this node has received; absent before the log was read. */
  readonly position?: string;
}

/** Page of the channels that have readers on the node that answers, sorted by name. */
export interface OpenChannelPage {
  readonly node: string;
  readonly channels: readonly OpenChannel[];
  /** Number of all channels of the node that match. */
  readonly total: number;
  /** Name after which the next page begins; absent on the last page. */
  readonly next?: string;
}

/** Choice of {@link Insight.channels}. */
export interface OpenChannelFilter {
  readonly prefix?: string;
  readonly after?: string;
  /** 1 to 1,000; default 100. */
  readonly limit?: number;
}

/** Place of a rule among all rules of a node. */
export interface RuleView {
  readonly pattern: string;
  readonly origin: string;
  /** Index among the rules of the same origin, from 0. */
  readonly index: number;
}

/** Description of one channel: its log, its readers and its rule. */
export interface ChannelInsight {
  readonly channel: string;
  readonly node: string;
  /** Number of subscriptions on the node that answers. */
  readonly readers: number;
  /** Newest position of the log; absent where the channel has no log. */
  readonly position?: string;
  /** Number of entries that the log keeps. */
  readonly entries: number;
  /** Number of entries that the channel has had since its log began. */
  readonly appended: number;
  readonly ended?: { readonly at: number; readonly reason: string };
  readonly projection?: string;
  readonly retention: {
    readonly max_entries: number;
    readonly max_age_ms: number;
    readonly max_bytes?: number;
  };
  readonly rule: RuleView;
}

/** Explanation of which rule holds for a name, and why no earlier one does. */
export interface RuleExplanation {
  readonly channel: string;
  readonly holds: RuleView;
  /** The rule as JSON. What only a program has, such as a schema, is left out. */
  readonly rule: unknown;
  readonly captures: Readonly<Record<string, string>>;
  readonly tried: readonly (RuleView & { readonly why: string })[];
  readonly roll_up?: string;
  readonly unreadable?: string;
}

/** All rules of the node in their order, the deployment's own that can never hold among them. */
export interface RuleList {
  readonly rules: readonly (RuleView & { readonly unreachable_by?: RuleView })[];
}

/** Limits of a node, and who reached them lately. */
export interface LimitReport {
  readonly node: string;
  readonly limits: CoreLimits;
  readonly limited: readonly Limited[];
}

/** Holder of an operation, and the latest sign of its producer. */
export interface OperationHolder {
  readonly operation_id: string;
  /** Name of the API key that created the operation. */
  readonly service?: string;
  /** Node that last looked after the operation: the one its producer reports to, or one that took it over. */
  readonly node?: string;
  readonly lease?: {
    readonly holder?: string;
    /** True while the lease has not run out. */
    readonly held: boolean;
    readonly fence: number;
    readonly since: number;
    /** Latest sign of the producer: the time at which it renewed the lease. */
    readonly last_sign_at: number;
    readonly expires_at: number;
    readonly ttl_ms: number;
  };
}

/** A look into a node for administrators, by the scope `inspect`. Nothing here changes anything. */
export interface Insight {
  /** Lists channels that have readers on this node. */
  channels(principal: Principal, filter?: OpenChannelFilter): OpenChannelPage;
  /** Describes a channel; a look at a name that nobody has used leaves nothing in the store. */
  channel(principal: Principal, channel: string): Promise<ChannelInsight>;
  rules(principal: Principal): RuleList;
  explain(principal: Principal, channel: string): RuleExplanation;
  limits(principal: Principal): LimitReport;
  /** Returns who holds an operation; rejects with `not_found` if there is none. */
  holder(principal: Principal, operationId: string): Promise<OperationHolder>;
}
