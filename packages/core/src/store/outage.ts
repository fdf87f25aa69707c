import type { Clock, StoreHealth, StoreWatch } from "@milepost/engine";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

/** Outages shorter than this are ignored, in milliseconds: the client merely reconnected. */
const noticeAfterMs = 500;
/**
 * Lease of a node, in milliseconds. A node that could not renew it stops writing before others take the node
 * for dead.
 */
const leaseMs = 9_000;

/** Parts that an outage needs of its node. */
export interface OutageParts {
  /** Health of the engine's store; absent where the store is part of the process. */
  readonly store: StoreWatch | undefined;
  /** Announces to all connections that the store is lost, or back. */
  readonly announce: (code: "degraded" | "restored") => void;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
}

/**
 * Outage of this node's store. Connections are notified when it begins and when it ends.
 *
 * The engine reports the health of its store. When the engine detects a loss within 4 s, its clients are
 * notified within 5 s. A node whose lease expired, because the store did not renew it, is without its store
 * too, whatever the engine reports.
 */
export class Outage extends Deadline {
  readonly #parts: OutageParts;
  readonly #unwatch: () => void;
  readonly #lease = new LeaseExpiry(() => this.#check());
  #beganAt: number | undefined;
  #isAnnounced = false;
  #listener: (() => void) | undefined;

  constructor(parts: OutageParts) {
    super();
    this.#parts = parts;
    this.#unwatch = parts.store?.onChange(() => this.#check()) ?? (() => {});
    this.#check();
  }

  /** Sets the listener that is called when an outage ends, before any connection is notified. */
  onEnd(listener: () => void): void {
    this.#listener = listener;
  }

  /**
   * Renews the node's lease. `at` is the monotonic time, in milliseconds, at which the renewal was sent: the
   * store took it no earlier.
   */
  renew(at: number): void {
    const { wheel, clock } = this.#parts;
    this.#lease.isOver = false;
    wheel.set(this.#lease, Math.max(0, at + leaseMs - clock.monotonic()));
    this.#check();
  }

  /** True while the node is without its store and its connections have been notified. */
  get isOn(): boolean {
    return this.#isAnnounced;
  }

  /**
   * Duration of the outage so far, in milliseconds, also before it is announced; undefined while there is none.
   */
  get lastsMs(): number | undefined {
    const { clock } = this.#parts;
    return this.#beganAt === undefined ? undefined : clock.monotonic() - this.#beganAt;
  }

  override onDue(): void {
    this.#isAnnounced = true;
    this.#parts.announce("degraded");
  }

  close(): void {
    this.#unwatch();
    this.#parts.wheel.clear(this);
    this.#parts.wheel.clear(this.#lease);
  }

  #check(): void {
    const { store, wheel, clock, announce } = this.#parts;
    const isAway = this.#lease.isOver || (store !== undefined && !isWell(store.health));
    if (isAway === (this.#beganAt !== undefined)) return;
    if (isAway) {
      this.#beganAt = clock.monotonic();
      wheel.set(this, noticeAfterMs);
      return;
    }
    this.#beganAt = undefined;
    wheel.clear(this);
    if (!this.#isAnnounced) return;
    this.#isAnnounced = false;
    this.#listener?.();
    announce("restored");
  }
}

/** Deadline of the node's lease. */
class LeaseExpiry extends Deadline {
  readonly #onOver: () => void;
  isOver = false;

  constructor(onOver: () => void) {
    super();
    this.#onOver = onOver;
  }

  override onDue(): void {
    this.isOver = true;
    this.#onOver();
  }
}

function isWell({ connected, busConnected }: StoreHealth): boolean {
  return connected && busConnected;
}
