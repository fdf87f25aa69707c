import type { Leases } from "@milepost/engine";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

/** Interval between heartbeats of a node, in milliseconds. */
const heartbeatMs = 2_000;
const sweepLease = "sweep";
const sweepLeaseMs = 8_000;

/** Periodic work of a {@link MaintenanceLoop}. */
export interface MaintenanceWork {
  /** Work of every node, started with each heartbeat. */
  readonly heartbeat: readonly (() => Promise<unknown>)[];
  /** Called after each heartbeat whose work has all succeeded. */
  readonly onHeartbeat?: () => void;
  /** Work of the node that holds the sweep lease. */
  readonly sweep: readonly (() => Promise<unknown>)[];
}

/**
 * Runs the periodic work of a node: heartbeats on every node, and sweeps (clean-up for the whole cluster) on
 * the node that holds the sweep lease.
 *
 * When the holder dies, another node takes the lease once it has expired. Heartbeats continue during a long
 * sweep. Two nodes that sweep at the same time do no harm.
 */
export class MaintenanceLoop extends Deadline {
  readonly #wheel: TimerWheel;
  readonly #leases: Leases;
  readonly #work: MaintenanceWork;
  readonly #onError: (error: unknown) => void;
  #token: string | undefined;
  #failing = false;
  #closed = false;
  #heartbeating: Promise<void> = Promise.resolve();
  #sweeping: Promise<void> | undefined;

  constructor(
    wheel: TimerWheel,
    leases: Leases,
    work: MaintenanceWork,
    onError: (error: unknown) => void,
  ) {
    super();
    this.#wheel = wheel;
    this.#leases = leases;
    this.#work = work;
    this.#onError = onError;
  }

  /** Runs a heartbeat, which schedules the next one. */
  override onDue(): void {
    this.#heartbeating = this.#heartbeat();
  }

  /** Stops the loop once its running work has ended, and releases the sweep lease. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wheel.clear(this);
    await this.#heartbeating;
    await this.#sweeping;
    if (this.#token !== undefined) await this.#leases.release(sweepLease, this.#token);
  }

  async #heartbeat(): Promise<void> {
    const results = await Promise.allSettled(this.#work.heartbeat.map((work) => work()));
    let fault = results.find((result) => result.status === "rejected")?.reason;
    if (fault === undefined) this.#work.onHeartbeat?.();
    try {
      if (!this.#closed && (await this.#holdsSweepLease())) this.#sweeping ??= this.#sweep();
    } catch (error) {
      fault ??= error;
    }
    // A long outage of the store is reported once, not with every heartbeat.
    if (fault !== undefined && !this.#failing) this.#onError(fault);
    this.#failing = fault !== undefined;
    if (!this.#closed) this.#wheel.set(this, heartbeatMs);
  }

  async #sweep(): Promise<void> {
    for (const work of this.#work.sweep) {
      try {
        if (!this.#closed) await work();
      } catch (error) {
        // A part that fails must not keep the later parts from running.
        if (!this.#failing) this.#onError(error);
      }
    }
    this.#sweeping = undefined;
  }

  async #holdsSweepLease(): Promise<boolean> {
    const token = this.#token;
    const lease =
      token === undefined
        ? await this.#leases.acquire(sweepLease, sweepLeaseMs)
        : await this.#leases.renew(sweepLease, token);
    this.#token = lease?.token;
    return lease !== undefined;
  }
}
