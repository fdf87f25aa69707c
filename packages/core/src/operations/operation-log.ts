import { type ChannelLog, projectionEntry } from "@milepost/engine";
import { type OperationEvent, type OperationState, reduceOperation } from "@milepost/model";
import { isChannelSegment, maxChannelBytes, type Position } from "@milepost/protocol";
import type { ResolvedChannel, RuleBook } from "../rules/rule-book.ts";

/** An operation as it stands at a position of its channel. */
export interface OperationAt {
  readonly state: OperationState;
  readonly position: Position;
}

/** An operation after one more event. */
export interface OperationAfter extends OperationAt {
  /** Where the event stands. */
  readonly at: Position;
  readonly duplicate: boolean;
}

/** Whose event it is, for dedupe. */
export interface Authorship {
  readonly publisher: string;
  readonly key?: string;
}

/** The channel of an operation. */
export function operationChannel(operationId: string): string {
  return `operation:${operationId}`;
}

/** Whether an operation can have this id. */
export function isOperationId(text: unknown): text is string {
  return isChannelSegment(text) && operationChannel(text).length <= maxChannelBytes;
}

/** The channels of operations: their state is the projection of their log. */
export class OperationLog {
  readonly #log: ChannelLog;
  readonly #rules: RuleBook;

  constructor(log: ChannelLog, rules: RuleBook) {
    this.#log = log;
    this.#rules = rules;
  }

  async read(operationId: string): Promise<OperationAt | undefined> {
    if (!isOperationId(operationId)) return undefined;
    const { name, policy } = this.#resolved(operationId);
    const { position, snapshot } = await this.#log.snapshot(name, policy);
    const state = snapshot?.state as OperationState | null | undefined;
    return state === null || state === undefined ? undefined : { state, position };
  }

  /** Appends an event that was checked, and folds it into the state before. */
  async append(
    operationId: string,
    before: OperationAt | undefined,
    { event, data }: OperationEvent,
    { publisher, key }: Authorship,
  ): Promise<OperationAfter> {
    const { name, policy } = this.#resolved(operationId);
    const entry = {
      event,
      json: JSON.stringify(data),
      publisher,
      ...(key === undefined ? {} : { key }),
    };
    const { publication, duplicate } = await this.#log.append(name, entry, policy);
    const at = publication.position;
    if (!duplicate && at.offset === (before?.state.offset ?? 0) + 1) {
      const state = reduceOperation(before?.state, projectionEntry(publication));
      if (state !== undefined) return { state, position: at, at, duplicate };
    }
    if (duplicate && before !== undefined) return { ...before, at, duplicate };
    // Another node has written in between: the log knows.
    const read = await this.read(operationId);
    if (read === undefined) throw new Error("an operation has no state after an event");
    return { ...read, at, duplicate };
  }

  /** Where the event stands that a key made, while the key is remembered. */
  async find(operationId: string, publisher: string, key: string) {
    const { name, policy } = this.#resolved(operationId);
    return this.#log.find(name, publisher, key, policy);
  }

  #resolved(operationId: string): ResolvedChannel {
    return this.#rules.of(operationChannel(operationId));
  }
}
