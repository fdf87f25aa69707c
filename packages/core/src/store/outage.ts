import type { Clock, StoreAvailability, StoreState } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

/**
 * Time after the last renewal of its lease at which a node stops writing, in milliseconds. Other nodes consider
 * the node dead only later.
 */
const leaseMs = 9_000;

/** Reason for which a node that awaits its store refuses connections. */
export const awaitsStoreReason = "this node has not reached its store since its start; try again";

/** Parts of the node that an outage uses. */
export interface OutageParts {
  readonly availability: StoreAvailability;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** True if other nodes share the store, so that this node must learn what they know before it serves anybody. */
  readonly isShared: boolean;
  /** Announces to all connections that the store is lost, or back. */
  readonly announce: (code: "degraded" | "restored") => void;
}

/**
 * Outage of this node. It begins when the node notifies its connections that the store is unavailable, and ends
 * when the store is back.
 *
 * The engine reports the health of its store. If it does so within 4 s, clients are notified within 5 s. A node
 * whose lease has expired, because the store did not renew it, counts as being without its store, even if the
 * engine reports the store as healthy.
 *
 * A node that starts while its shared store is unavailable awaits it: it does not know which credentials were revoked,
 * so it accepts no connections until it has joined.
 */
export class Outage extends Deadline {
  readonly #parts: OutageParts;
  readonly #unfollow: () => void;
  #isOn = false;
  #awaitsStore: boolean;
  #onEnd: (() => void) | undefined;

  constructor(parts: OutageParts) {
    super();
    this.#parts = parts;
    this.#awaitsStore = parts.isShared && parts.availability.state !== "available";
    this.#unfollow = parts.availability.onState((state) => this.#onState(state));
    this.#onState(parts.availability.state);
  }

  /** Sets the listener that is called, before any announcement, when the outage ends. */
  onEnd(listener: () => void): void {
    this.#onEnd = listener;
  }

  /**
   * Renews the node's lease from the time `at`, in milliseconds of the monotonic clock. The store must have
   * accepted the renewal at that time or later.
   */
  renew(at: number): void {
    const { availability, wheel, clock } = this.#parts;
    wheel.set(this, Math.max(0, at + leaseMs - clock.monotonic()));
    availability.setLeaseLost(false);
  }

  /** True while the node has started without its store and has not joined it yet. */
  get awaitsStore(): boolean {
    return this.#awaitsStore;
  }

  /** Records that the node has read from its store what it must know, and is registered with it. */
  join(): void {
    this.#awaitsStore = false;
  }

  /** Throws `store_unavailable` while the node awaits its store. */
  refuseUnjoined(): void {
    if (this.#awaitsStore) throw new MilepostError("store_unavailable", awaitsStoreReason);
  }

  /** True while the node is without its store and its connections have been notified. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Time since the store was lost, in milliseconds; undefined while it is available. */
  get lastsMs(): number | undefined {
    return this.#parts.availability.lostMs;
  }

  /** Marks the lease as lost, since it was not renewed in time. */
  override onDue(): void {
    this.#parts.availability.setLeaseLost(true);
  }

  close(): void {
    this.#unfollow();
    this.#parts.availability.close();
    this.#parts.wheel.clear(this);
  }

  #onState(state: StoreState): void {
    const { announce } = this.#parts;
    if (state === "away") {
      this.#isOn = true;
      announce("degraded");
    } else if (state === "available" && this.#isOn) {
      this.#isOn = false;
      this.#onEnd?.();
      announce("restored");
    }
  }
}
