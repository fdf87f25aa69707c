import type { Clock, StoreHealth, StoreWatch } from "@milepost/engine";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

/** A store that is back so soon was never away: its connection was made anew. */
const noticeAfterMs = 500;
/** A node that could not say for so long that it lives stops writing before others take it for dead. */
const leaseMs = 9_000;

/** What an outage needs of its node. */
export interface OutageParts {
  /** Absent where the store is part of the process. */
  readonly store: StoreWatch | undefined;
  /** Announces to all connections that the store is lost, or back. */
  readonly announce: (code: "degraded" | "restored") => void;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
}

/**
 * Whether this node is without its store; its connections are told when that begins and when it is over.
 *
 * The engine says how its store is doing. An engine that knows within 4 s has its clients told within 5. A node whose
 * lease has run out, since the store did not take it, is without it too, whatever the engine says.
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

  /** Sets who is told, before anybody else, that it is over. */
  onEnd(listener: () => void): void {
    this.#listener = listener;
  }

  /** The store took it, at the earliest at that moment of the clock's monotonic time, that this node lives. */
  renew(at: number): void {
    const { wheel, clock } = this.#parts;
    this.#lease.isOver = false;
    wheel.set(this.#lease, Math.max(0, at + leaseMs - clock.monotonic()));
    this.#check();
  }

  /** Whether the node is without its store, and its connections have been told. */
  get isOn(): boolean {
    return this.#isAnnounced;
  }

  /** For how long, in milliseconds; undefined while all is well. */
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

/** A time that ran out. */
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
