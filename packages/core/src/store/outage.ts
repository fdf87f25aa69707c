import type { Clock, StoreAvailability, StoreState } from "@milepost/engine";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

/**
 * Time after the last renewal of its lease at which a node stops writing, in milliseconds. Other nodes consider
 * the node dead only later.
 */
const leaseMs = 9_000;

/** Parts of the node that an outage uses. */
export interface OutageParts {
  readonly availability: StoreAvailability;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
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
 */
export class Outage extends Deadline {
  readonly #parts: OutageParts;
  readonly #unfollow: () => void;
  #isOn = false;
  #onEnd: (() => void) | undefined;

  constructor(parts: OutageParts) {
    super();
    this.#parts = parts;
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
