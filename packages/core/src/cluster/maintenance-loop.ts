import type { Leases } from "@milepost/engine";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

/** How often a node says that it lives and looks at what the others did, in milliseconds. */
const heartbeatMs = 2_000;
const sweepLease = "sweep";
const sweepLeaseMs = 8_000;

/** What a pulse does. */
export interface MaintenanceWork {
  /** Of every node. */
  readonly heartbeat: readonly (() => Promise<unknown>)[];
  /** Of the one that sweeps. */
  readonly sweep: readonly (() => Promise<unknown>)[];
}

/**
 * What a node of several does again and again, and what only one of them does: whoever holds the sweep lease. When that one
 * dies the next takes it once its time is over. A sweep may take long: the node goes on beating beside it. Two that sweep at
 * once do no harm.
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

  /** Beats now, and from now on. */
  override onDue(): void {
    this.#heartbeating = this.#heartbeat();
  }

  /** Ends it once what it does is done; gives up the sweep lease. */
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
    try {
      if (!this.#closed && (await this.#holdsSweepLease())) this.#sweeping ??= this.#sweep();
    } catch (error) {
      fault ??= error;
    }
    // A store that is away for long is told of once.
    if (fault !== undefined && !this.#failing) this.#onError(fault);
    this.#failing = fault !== undefined;
    if (!this.#closed) this.#wheel.set(this, heartbeatMs);
  }

  async #sweep(): Promise<void> {
    try {
      for (const work of this.#work.sweep) if (!this.#closed) await work();
    } catch (error) {
      if (!this.#failing) this.#onError(error);
    } finally {
      this.#sweeping = undefined;
    }
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
