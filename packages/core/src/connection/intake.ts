import type { Clock } from "@milepost/engine";
import type { CloseCode } from "@milepost/protocol";
import type { Incoming } from "../dialects/literal-message.ts";
import type { Owners, Shortage, Traffic } from "../limits/traffic.ts";
import { Usage } from "../limits/usage.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import type { Frame } from "./frame.ts";
import { unitsOfFrame, unitsOfMessage } from "./message-weight.ts";

/** Connection whose messages an {@link Intake} reads. */
export interface IntakeOwner {
  /** Names under which the traffic is counted beside the connection. */
  readonly owners: Owners;
  /** True once a credential was verified. */
  readonly isVerified: boolean;
  /** True for a client without limits. */
  readonly isUnlimited: boolean;
  /** Splits a frame into the values of its messages; answers a frame that cannot be split, and returns none. */
  split(frame: Frame): readonly unknown[];
  parse(value: unknown): Incoming;
  /** Handles a message of about `length` characters in its turn. */
  take(message: Incoming, length: number): void;
  /** Refuses a message, or the client as a whole without one, because of a limit. */
  refuseTraffic(message: Incoming | undefined, shortage: Shortage): void;
  close(code: CloseCode, reason: string): void;
  /** Cuts the connection. */
  abandon(): void;
  /** Records that the client is alive. It may have sent what was not read yet. */
  onAlive(): void;
  /** Stops or continues reading from the client's transport. */
  pauseReading(): void;
  resumeReading(): void;
}

/** Parts of the node that an intake uses. */
export interface IntakeContext {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly traffic: Traffic;
  readonly instruments: {
    readonly rateLimitActions: Readonly<
      Record<"paused" | "refused" | "closed", { add(n: number): void }>
    >;
  };
}

/** Longest time for which a client is not read at a time, in milliseconds. */
const maxPauseMs = 5_000;
/** Shortest such time, so that a client at its limit is not paused and resumed for each message. */
const minPauseMs = 100;
/** Time over its limit after which a client's messages are refused, in milliseconds. */
const refuseAfterMs = 5_000;
/** Time over its limit after which a client is disconnected, in milliseconds. */
const closeAfterMs = 8_000;
/** Shortest time after which a refused client is asked to try again, in milliseconds. */
const minRetryMs = 1_000;
/** Interval between two reads of a client that is being disconnected and still sends, in milliseconds. */
const dripMs = 100;
/** Number of such reads, after which the client's connection is cut. */
const maxDrips = 10;
/** Characters that may wait while a client is not read. What its transport had already read is far less. */
const maxHeld = 8 * 1_024 * 1_024;

/**
 * Reads the frames of one connection within the client's limits.
 *
 * A client over a limit is not read until the limit has room again, for at most 5 s at a time. After 5 s over the
 * limit, its messages are refused with `rate_limited`; after 8 s, it is disconnected with 4429. Time below the limit
 * counts back. Messages that end something or keep the connection alive (see `isRefusable`) are never refused.
 *
 * A client has a bounded amount of work done in each turn of the event loop; the rest waits for the next turn.
 */
export class Intake extends Deadline {
  readonly usage = new Usage();
  readonly #owner: IntakeOwner;
  readonly #context: IntakeContext;
  /** Frames that wait, the oldest first, with the number of those that were read already. */
  #frames: { readonly frame: Frame; readonly length: number }[] | undefined;
  #read = 0;
  #held = 0;
  /** Messages of the frame that is being read, the place of the next one, and the length of each. */
  #values: readonly unknown[] | undefined;
  #place = 0;
  #each = 0;
  /** Message that was parsed and waits for the next turn. */
  #parsed: Incoming | undefined;
  #shortage: Shortage | undefined;
  #pausedAt: number | undefined;
  #isPaused = false;
  #isTurnWaiting = false;
  #isHeld = false;
  #drips = 0;
  #isClosed = false;
  /** Time over the limit, in milliseconds, and when it was counted. */
  #strainMs = 0;
  #strainAt = 0;
  #isTold = false;

  constructor(owner: IntakeOwner, context: IntakeContext) {
    super();
    this.#owner = owner;
    this.#context = context;
    this.#strainAt = this.#now();
  }

  /** True if nothing waits and no limit is used, so that a new intake would do the same. */
  get isFresh(): boolean {
    const now = this.#now();
    return (
      !this.#isHolding && !this.#isPaused && this.#strain(now) === 0 && this.usage.isFresh(now)
    );
  }

  /** Reads a frame now, or once the limits allow it and the frames before it were read. */
  take(frame: Frame, length: number): void {
    if (this.#isClosed) {
      this.#drip();
      return;
    }
    if (!this.#isHolding && this.#begin(frame, length)) {
      this.#pump();
      return;
    }
    this.#held += length;
    if (this.#held > maxHeld) {
      this.#close();
      return;
    }
    this.#frames ??= [];
    this.#frames.push({ frame, length });
  }

  /** Counts a control frame. Returns false if it must not be answered now. */
  control(): boolean {
    if (this.#isClosed) {
      this.#drip();
      return false;
    }
    if (this.#pausedAt !== undefined) return false;
    const shortage = this.#takeAmount(0, 0, 1);
    if (shortage === undefined) return true;
    this.#wait(shortage);
    return false;
  }

  /** Counts the bytes of an answer that the client asked for. */
  answered(bytes: number): void {
    const { traffic } = this.#context;
    if (!this.#owner.isUnlimited) traffic.add(this.usage, this.#owner.owners, bytes);
  }

  /** Records that what the client sends is bounded by a flow control of its own, such as the credit of chunks. */
  relieve(): void {
    this.#strainMs = 0;
  }

  /** Reads no further message until {@link proceed} is called. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Continues after {@link hold}. */
  proceed(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#pump();
  }

  /** Drops what waits, since the connection ends. What the client still sends is read slowly and ignored. */
  close(): void {
    this.#isClosed = true;
    this.#frames = undefined;
    this.#values = undefined;
    this.#parsed = undefined;
    this.#pausedAt = undefined;
    if (this.#isPaused) this.#drip();
  }

  override onDue(): void {
    if (this.#isClosed) {
      this.#drips++;
      if (this.#drips > maxDrips) this.#owner.abandon();
      else this.#resume();
      return;
    }
    this.#owner.onAlive();
    const now = this.#now();
    const shortage = this.#shortage;
    if (this.#pausedAt !== undefined && shortage !== undefined) {
      // The node's own limit is not the client's fault.
      if (shortage.scope !== "node") this.#strainMs += now - this.#pausedAt;
      this.#strainAt = now;
    }
    this.#pausedAt = undefined;
    if (this.#strainMs >= closeAfterMs) {
      this.#close();
      return;
    }
    if (this.#strainMs >= refuseAfterMs && !this.#isTold && shortage !== undefined) {
      this.#isTold = true;
      this.#context.instruments.rateLimitActions.refused.add(1);
      this.#owner.refuseTraffic(undefined, this.#advice(shortage));
    }
    this.#pump();
  }

  get #isHolding(): boolean {
    return (
      this.#frames !== undefined ||
      this.#values !== undefined ||
      this.#pausedAt !== undefined ||
      this.#isTurnWaiting ||
      this.#isHeld
    );
  }

  /** Takes what a frame needs and splits it; returns false if the frame must wait. */
  #begin(frame: Frame, length: number): boolean {
    if (!this.#hasTurn(unitsOfFrame(length))) return false;
    const shortage = this.#takeAmount(1, length, 0);
    if (shortage !== undefined) {
      this.#wait(shortage);
      return false;
    }
    const values = this.#owner.split(frame);
    if (values.length === 0 || this.#isClosed) return true;
    this.#values = values;
    this.#place = 0;
    this.#each = length / values.length;
    return true;
  }

  #pump(): void {
    while (
      !this.#isClosed &&
      !this.#isHeld &&
      this.#pausedAt === undefined &&
      !this.#isTurnWaiting
    ) {
      if (this.#values !== undefined) {
        if (!this.#next(this.#values)) return;
        continue;
      }
      const frames = this.#frames;
      const next = frames?.[this.#read];
      if (next === undefined) {
        this.#frames = undefined;
        this.#read = 0;
        this.#held = 0;
        if (!this.#isClosed) this.#resume();
        return;
      }
      if (!this.#begin(next.frame, next.length)) return;
      this.#read++;
      this.#held -= next.length;
    }
  }

  /** Handles the next message of the frame; returns false if it must wait. */
  #next(values: readonly unknown[]): boolean {
    const place = this.#place;
    if (this.#parsed === undefined && place > 0) {
      const shortage = this.#takeAmount(1, 0, 0);
      if (shortage !== undefined) {
        this.#wait(shortage);
        return false;
      }
    }
    this.#parsed ??= this.#owner.parse(values[place]);
    const message = this.#parsed;
    if (!this.#hasTurn(unitsOfMessage(message))) return false;
    this.#parsed = undefined;
    this.#place = place + 1;
    if (this.#place === values.length) this.#values = undefined;
    const shortage = this.#shortage;
    if (shortage !== undefined && this.#isRefusing && isRefusable(message)) {
      this.#context.instruments.rateLimitActions.refused.add(1);
      this.#owner.refuseTraffic(message, this.#advice(shortage));
    } else this.#owner.take(message, this.#each);
    return true;
  }

  get #isRefusing(): boolean {
    return this.#strainMs >= refuseAfterMs && this.#strain(this.#now()) >= refuseAfterMs;
  }

  #takeAmount(messages: number, bytes: number, control: number): Shortage | undefined {
    const { owners, isUnlimited } = this.#owner;
    if (isUnlimited) return undefined;
    return this.#context.traffic.take(this.usage, owners, { messages, bytes, control });
  }

  /** Returns true if the work may be done in this turn; otherwise goes on in the next one. */
  #hasTurn(units: number): boolean {
    const { traffic } = this.#context;
    const { turns } = traffic;
    if (turns.take(traffic.shareOf(this.usage, this.#owner.owners), units)) return true;
    if (!this.#isTurnWaiting) {
      this.#isTurnWaiting = true;
      this.#pause();
      turns.next(() => {
        this.#isTurnWaiting = false;
        this.#pump();
      });
    }
    return false;
  }

  /** Stops reading until the limit has room again. A client that is not known yet is disconnected instead. */
  #wait(shortage: Shortage): void {
    if (!this.#owner.isVerified && shortage.scope !== "node") {
      this.#close();
      return;
    }
    const now = this.#now();
    this.#strainMs = this.#strain(now);
    if (this.#strainMs === 0) this.#isTold = false;
    this.#strainAt = now;
    this.#shortage = shortage;
    this.#pausedAt = now;
    this.#context.instruments.rateLimitActions.paused.add(1);
    this.#pause();
    const waitMs = Math.min(maxPauseMs, Math.max(minPauseMs, shortage.waitMs));
    this.#context.wheel.set(this, waitMs);
  }

  /** Returns the time over the limit after the time below it since then. */
  #strain(now: number): number {
    return Math.max(0, this.#strainMs - (now - this.#strainAt));
  }

  #close(): void {
    this.#context.instruments.rateLimitActions.closed.add(1);
    this.#owner.close(4429, "too much traffic; wait 30 s or longer before you reconnect");
  }

  /** Reads a client that is being disconnected only now and then, until it has answered the close. */
  #drip(): void {
    this.#pause();
    this.#context.wheel.set(this, dripMs);
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#owner.pauseReading();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#owner.resumeReading();
  }

  #advice(shortage: Shortage): Shortage {
    return { ...shortage, waitMs: Math.max(minRetryMs, shortage.waitMs) };
  }

  /** Returns the monotonic time in whole milliseconds, which take no memory of their own. */
  #now(): number {
    return Math.floor(this.#context.clock.monotonic());
  }
}

/**
 * True for a message that may be refused. The others end something or keep the connection alive, and a client over its
 * limit must not lose them.
 */
function isRefusable(message: Incoming): boolean {
  if (!message.ok) return true;
  const { type } = message.value;
  return (
    type === "publish" ||
    type === "literal" ||
    type === "request" ||
    type === "subscribe" ||
    type === "chunk"
  );
}
