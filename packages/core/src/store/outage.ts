import type { Clock, StoreAvailability, StoreState } from "@milepost/engine";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

/** Time without a renewed lease, in milliseconds, after which a node stops writing, before others take it for dead. */
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
 * Outage of this node: it is on while the node is without its store, and the node's connections know it.
 *
 * The engine reports the health of its store. If it does so within 4 s, clients are notified within 5 s. A node whose
 * lease has run out, because the store did not renew it, is without its store too, whatever the engine says.
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

  /** Renews the node's lease: the store accepted it no earlier than `at`, in milliseconds of the monotonic clock. */
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

  /** Loses the lease: its time has run out. */
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
