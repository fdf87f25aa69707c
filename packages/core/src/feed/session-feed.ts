import { personalProjection } from "@milepost/model";
import {
  type CloseCode,
  encodeId,
  isRecord,
  type Publication,
  type Snapshot,
} from "@milepost/protocol";
import type { ConnectionContext } from "../connection/connection-context.ts";
import type { HubSubscriber } from "../hub/hub-subscriber.ts";
import type { ChannelState, Start } from "../hub/recovery.ts";
import type { Reset } from "../hub/reset.ts";
import type { Subscriber } from "../hub/subscriber.ts";
import { isOperationId, operationChannel } from "../operations/operation-log.ts";
import { FollowedOperation, type OperationFollower } from "./followed-operation.ts";

/** Maximum number of operations that a feed shows: the most recent ones. */
const maxOperations = 20;
/** Maximum number of operations that a feed no longer follows, and whose last documents it knows. */
const maxParked = 20;

/** A connection that shows a session's feed. */
export interface FeedReader {
  /** Shows the latest document of an operation, now or once the connection has room. */
  show(operation: FollowedOperation): void;
  /** Cancels the pending document of an operation that the feed no longer shows. */
  cancel(operation: FollowedOperation): void;
  /** Forgets which document of an operation it sent last. */
  forget(operation: FollowedOperation): void;
  close(code: CloseCode, reason: string): void;
}

/** Feed of one session on one node. It follows the session's operations once for all its readers. */
export class SessionFeed implements OperationFollower, Subscriber {
  readonly shared = undefined;
  readonly session: string;
  readonly #context: ConnectionContext;
  readonly #onUnused: () => void;
  readonly #readers = new Set<FeedReader>();
  /** Followed operations by id, in the order in which they were added. */
  readonly #operations = new Map<string, FollowedOperation>();
  /**
   * Operations that the feed no longer follows, by id, the one dropped last at the end. An operation that is
   * followed again is not shown again unless its document changed.
   */
  readonly #parked = new Map<string, FollowedOperation>();
  /**
   * Operations whose first read the feed still awaits before it shows anything. Undefined until the session's
   * channel was read.
   */
  #awaited: Set<FollowedOperation> | undefined;
  readonly #hubSubscriber: HubSubscriber;
  /**
   * Time after which a reader is closed to which no document was sent and that sent nothing but pings and pongs, in
   * milliseconds; infinite unless the rule of the session's channel sets one.
   */
  readonly idleTimeoutMs: number;

  constructor(session: string, context: ConnectionContext, onUnused: () => void) {
    this.session = session;
    this.#context = context;
    this.#onUnused = onUnused;
    const channel = context.channels.resolve(`session:${encodeId(session)}`);
    this.idleTimeoutMs = channel.rule.idleTimeoutMs ?? Number.POSITIVE_INFINITY;
    this.#hubSubscriber = context.hub.join(channel, this);
  }

  /** Adds a reader. It receives the documents of all operations once they have been read. */
  add(reader: FeedReader): void {
    this.#readers.add(reader);
    if (this.#isReady) this.#showAll(reader);
  }

  delete(reader: FeedReader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    this.#hubSubscriber.leave();
    for (const operation of this.#operations.values()) operation.leave();
    this.#onUnused();
  }

  monotonic(): number {
    return this.#context.clock.monotonic();
  }

  started(operation: FollowedOperation): void {
    if (this.#isReady) {
      this.show(operation);
      return;
    }
    this.#awaited?.delete(operation);
    if (this.#isReady) for (const reader of this.#readers) this.#showAll(reader);
  }

  failed(operation: FollowedOperation): void {
    // The operation is dropped, so that its next summary makes the feed follow it again.
    this.#drop(operation);
  }

  show(operation: FollowedOperation): void {
    // Nothing is shown before all operations have been read, so that the first documents come oldest first.
    if (this.#isReady) for (const reader of this.#readers) reader.show(operation);
  }

  onStart({ state }: Start): void {
    this.#followAll(state);
    this.#awaited = new Set(this.#operations.values());
  }

  onFailed(error: unknown): void {
    this.#context.errorLog.report(error);
    for (const reader of [...this.#readers]) reader.close(1011, "the session could not be read");
  }

  onPublications(publications: readonly Publication[]): void {
    for (const { event, json } of publications) {
      if (event === "operation") this.#follow(JSON.parse(json) as unknown);
    }
  }

  onGap(): void {
    // A missed summary does no harm: the operation's next summary makes the feed follow it, and followed
    // operations have channels of their own.
  }

  onReset({ state }: Reset): void {
    this.#followAll(state);
  }

  onEnd(): void {
    // The end of the session's channel does not change the operations that were shown.
  }

  drained(): undefined {
    return undefined;
  }

  get #isReady(): boolean {
    return this.#awaited?.size === 0;
  }

  #followAll(state: ChannelState | undefined): void {
    const summaries = Object.values(summariesOf(state?.snapshot));
    const byAge = summaries.filter(isRecord).sort((a, b) => createdAt(a) - createdAt(b));
    for (const summary of byAge.slice(-maxOperations)) this.#follow(summary);
  }

  #follow(summary: unknown): void {
    if (!isRecord(summary)) return;
    const { operation_id: id } = summary;
    if (!isOperationId(id) || this.#operations.has(id)) return;
    const { hub, channels, wheel } = this.#context;
    const operation = this.#parked.get(id) ?? new FollowedOperation(id, this, wheel);
    this.#parked.delete(id);
    this.#operations.set(id, operation);
    operation.hubSubscriber = hub.join(channels.resolve(operationChannel(id)), operation);
    const [oldest] = this.#operations.values();
    if (this.#operations.size > maxOperations && oldest !== undefined) this.#drop(oldest);
  }

  #drop(operation: FollowedOperation): void {
    operation.leave();
    this.#operations.delete(operation.id);
    for (const reader of this.#readers) reader.cancel(operation);
    this.#park(operation);
    if (this.#awaited?.delete(operation) === true && this.#isReady) {
      for (const reader of this.#readers) this.#showAll(reader);
    }
  }

  #park(operation: FollowedOperation): void {
    this.#parked.set(operation.id, operation);
    const [oldest] = this.#parked.values();
    if (this.#parked.size <= maxParked || oldest === undefined) return;
    this.#parked.delete(oldest.id);
    for (const reader of this.#readers) reader.forget(oldest);
  }

  #showAll(reader: FeedReader): void {
    for (const operation of this.#operations.values()) reader.show(operation);
  }
}

function createdAt({ created_at }: Record<string, unknown>): number {
  return typeof created_at === "number" ? created_at : 0;
}

/** Returns the summaries of operations in the state of a session's channel, by id. */
function summariesOf(snapshot: Snapshot | undefined): Record<string, unknown> {
  const state = snapshot?.state;
  if (!isRecord(state)) return {};
  // A rule of the deployment may set the projection `keyed` instead, which has nothing but summaries.
  if (snapshot?.projection !== personalProjection.name) return state;
  return isRecord(state.operations) ? state.operations : {};
}
