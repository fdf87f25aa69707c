import { projectionEntry } from "@milepost/engine";
import { type OperationState, reduceOperation, toProgressUpdate } from "@milepost/model";
import type { Publication } from "@milepost/protocol";
import type { HubSubscriber } from "../hub/hub-subscriber.ts";
import type { ChannelState, Start } from "../hub/recovery.ts";
import type { Reset } from "../hub/reset.ts";
import type { Subscriber } from "../hub/subscriber.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import type { Encoder } from "../send-queue/transport.ts";

const shownEveryMs = 100;

/**
 * Session feed as its followed operations see it: they notify it of their changes, and it shows their documents
 * to its readers.
 */
export interface OperationFollower {
  readonly session: string;
  /** Returns a monotonic time, in milliseconds. */
  monotonic(): number;
  /** Called when the operation has been read for the first time. */
  started(operation: FollowedOperation): void;
  /** Called when the operation could not be read; it is no longer followed. */
  failed(operation: FollowedOperation): void;
  /** Shows the operation's document to every reader. */
  show(operation: FollowedOperation): void;
}

/** Document of an operation, framed for one encoder. */
export interface OperationDocument {
  readonly bytes: Uint8Array;
  /** Number that is the same for the same document, whatever encoder it is framed for. */
  readonly version: number;
}

/**
 * Operation that a session feed follows: its state is folded from its channel and shown at most every 100 ms.
 */
export class FollowedOperation extends Deadline implements Subscriber {
  readonly shared = undefined;
  readonly id: string;
  readonly #follower: OperationFollower;
  readonly #wheel: TimerWheel;
  readonly #bytes = new Map<Encoder, Uint8Array>();
  /** Latest document that was written, and whether it is that of the state. */
  #text = "";
  #isWritten = false;
  #version = 0;
  #state: OperationState | undefined;
  #shownAt = Number.NEGATIVE_INFINITY;
  hubSubscriber: HubSubscriber | undefined;

  constructor(id: string, follower: OperationFollower, wheel: TimerWheel) {
    super();
    this.id = id;
    this.#follower = follower;
    this.#wheel = wheel;
  }

  /**
   * Returns the current document, framed once per encoder; undefined if there is none that the session may see.
   * A state that is read again often has the same document, which then keeps its version.
   */
  document(encoder: Encoder): OperationDocument | undefined {
    const { session } = this.#follower;
    // Anyone with permission can publish to a session's channel. Only the operation's own state says which
    // session it belongs to.
    if (this.#state === undefined || this.#state.session_id !== session) return undefined;
    if (!this.#isWritten) {
      const text = JSON.stringify(toProgressUpdate(this.#state, session));
      if (text !== this.#text) this.#version += 1;
      this.#text = text;
      this.#isWritten = true;
    }
    let bytes = this.#bytes.get(encoder);
    if (bytes === undefined) {
      bytes = encoder.encodeText(this.#text);
      this.#bytes.set(encoder, bytes);
    }
    return { bytes, version: this.#version };
  }

  leave(): void {
    this.hubSubscriber?.leave();
    this.#wheel.clear(this);
    this.#become(undefined);
  }

  onStart({ state }: Start): void {
    this.#become(state);
    this.#shownAt = this.#follower.monotonic();
    this.#follower.started(this);
  }

  onFailed(): void {
    this.#follower.failed(this);
  }

  onPublications(publications: readonly Publication[]): void {
    let state = this.#state;
    for (const publication of publications)
      state = reduceOperation(state, projectionEntry(publication));
    if (state === this.#state) return;
    this.#state = state;
    this.#changed();
  }

  onGap(): void {
    // An operation's channel has a projection, so missed entries arrive as a reset.
  }

  onReset({ state }: Reset): void {
    this.#become(state);
    this.#changed();
  }

  onEnd(): void {
    // The end of a channel does not change the document that was shown last.
  }

  drained(): undefined {
    return undefined;
  }

  override onDue(): void {
    this.#show();
  }

  #become(state: ChannelState | undefined): void {
    this.#state = (state?.snapshot.state as OperationState | null | undefined) ?? undefined;
    this.#forgetDocument();
  }

  #changed(): void {
    this.#forgetDocument();
    if (this.dueAt !== undefined) return;
    const waitMs = this.#shownAt + shownEveryMs - this.#follower.monotonic();
    if (waitMs <= 0) this.#show();
    else this.#wheel.set(this, waitMs);
  }

  #show(): void {
    this.#shownAt = this.#follower.monotonic();
    this.#follower.show(this);
  }

  #forgetDocument(): void {
    this.#isWritten = false;
    this.#bytes.clear();
  }
}
