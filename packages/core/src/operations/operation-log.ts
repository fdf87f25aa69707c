import { type ChannelLog, type LogSnapshot, projectionEntry } from "@milepost/engine";
import { type OperationEvent, type OperationState, reduceOperation } from "@milepost/model";
import {
  isChannelSegment,
  maxChannelBytes,
  type Position,
  type Publication,
} from "@milepost/protocol";
import type { Author } from "../rules/principal.ts";
import type { ResolvedChannel, RuleBook } from "../rules/rule-book.ts";

const pageEntries = 500;

/** State of an operation at a position of its channel. */
export interface OperationAt {
  readonly state: OperationState;
  readonly position: Position;
}

/** State of an operation after one more event. */
export interface OperationAfter extends OperationAt {
  /** Position of the event. */
  readonly at: Position;
  readonly duplicate: boolean;
}

/** Publisher and key of an event, for deduplication, with the trace in which it is published. */
export interface Authorship extends Author {
  readonly key?: string;
}

/** Returns the name of an operation's channel. */
export function operationChannel(operationId: string): string {
  return `operation:${operationId}`;
}

/** Returns true if the text can be the id of an operation. */
export function isOperationId(text: unknown): text is string {
  return isChannelSegment(text) && operationChannel(text).length <= maxChannelBytes;
}

/** Returns the operation of a snapshot of its channel; undefined before the operation's first event. */
export function stateIn(found: LogSnapshot | undefined): OperationAt | undefined {
  const state = found?.snapshot?.state as OperationState | null | undefined;
  return found === undefined || state === null || state === undefined
    ? undefined
    : { state, position: found.position };
}

/** Receives each change of an operation that this node appended. */
export type OnAppended = (
  event: OperationEvent,
  before: OperationState | undefined,
  after: OperationState,
  ts: number,
) => void;

/** Logs of operations. The state of an operation is the projection of the log of its channel. */
export class OperationLog {
  readonly #log: ChannelLog;
  readonly #rules: RuleBook;

  readonly #onAppended: OnAppended | undefined;

  constructor(log: ChannelLog, rules: RuleBook, onAppended?: OnAppended) {
    this.#log = log;
    this.#rules = rules;
    this.#onAppended = onAppended;
  }

  async read(operationId: string): Promise<OperationAt | undefined> {
    if (!isOperationId(operationId)) return undefined;
    const { name, policy } = this.#resolved(operationId);
    return stateIn(await this.#log.peek(name, policy));
  }

  /** Appends a validated event, and returns the state after it. */
  async append(
    operationId: string,
    before: OperationAt | undefined,
    change: OperationEvent,
    { publisher, key, traceparent }: Authorship,
  ): Promise<OperationAfter> {
    const { event, data } = change;
    const { name, policy } = this.#resolved(operationId);
    const entry = {
      event,
      json: JSON.stringify(data),
      publisher,
      ...(key === undefined ? {} : { key }),
      ...(traceparent === undefined ? {} : { traceparent }),
    };
    const { publication, duplicate } = await this.#log.append(name, entry, policy);
    const at = publication.position;
    if (!duplicate && at.offset === (before?.state.offset ?? 0) + 1) {
      const state = reduceOperation(before?.state, projectionEntry(publication));
      if (state !== undefined) {
        this.#onAppended?.(change, before?.state, state, publication.ts);
        return { state, position: at, at, duplicate };
      }
    }
    if (before !== undefined && duplicate && at.offset <= before.state.offset) {
      return { ...before, at, duplicate };
    }
    // Another node has appended in between, so the state must be read from the log.
    const read = await this.read(operationId);
    if (read === undefined) throw new Error("an operation has no state after an event");
    if (!duplicate) this.#onAppended?.(change, before?.state, read.state, publication.ts);
    return { ...read, at, duplicate };
  }

  /** Yields all events of an operation, oldest first; none if the first ones are no longer kept. */
  async *replay(operationId: string): AsyncGenerator<Publication> {
    const { name, policy } = this.#resolved(operationId);
    let after = 0;
    let epoch: string | undefined;
    for (;;) {
      const { entries, floor, head } = await this.#log.read(name, after, pageEntries, policy);
      epoch ??= head.epoch;
      if (floor.offset > after || head.epoch !== epoch) return;
      yield* entries;
      after = entries.at(-1)?.position.offset ?? head.offset;
      if (after >= head.offset) return;
    }
  }

  /** Finds the entry that was appended with a dedupe key, while the store remembers the key. */
  async find(operationId: string, publisher: string, key: string) {
    const { name, policy } = this.#resolved(operationId);
    return this.#log.find(name, publisher, key, policy);
  }

  #resolved(operationId: string): ResolvedChannel {
    return this.#rules.of(operationChannel(operationId));
  }
}
