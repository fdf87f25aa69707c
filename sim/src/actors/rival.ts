import type { ReportedEvent } from "@milepost/model";
import { SeededRandom } from "../seeded-random.ts";
import { ProcessClock } from "../virtual-time.ts";
import { GatewayLine } from "./gateway-line.ts";
import type { World } from "./world.ts";

const leaseMs = 10_000;

/** Process that takes work over from a process that may still run, and then finishes it or falls silent. */
export class Rival {
  readonly name: string;
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #clock: ProcessClock;
  readonly #line: GatewayLine;
  #reports = 0;
  #isClosed = false;

  constructor(name: string, world: World) {
    this.name = name;
    this.#world = world;
    this.#random = SeededRandom.named(world.seed, name);
    this.#clock = new ProcessClock(world.time);
    this.#line = new GatewayLine(world, {
      name,
      clock: this.#clock,
      random: this.#random,
      faultiness: () => 0,
      isDead: () => this.#isClosed,
    });
  }

  /** Takes the work over; calls `onTaken` as soon as this process holds its lease. */
  async takeOver(operation: string, finishes: boolean, onTaken: () => void): Promise<void> {
    const lease = await this.#patiently(() => this.#line.takeOver(operation, leaseMs));
    if (lease === undefined) return;
    onTaken();
    const { journal } = this.#world;
    journal.add({ type: "work", operation, phase: "taken" });
    const reports = this.#random.int(1, 4);
    for (let i = 0; i < reports; i++) {
      await this.#clock.pause(this.#random.between(50, 2_000));
      await this.#report(operation, lease.token, { event: "log", data: { message: `taken ${i}` } });
    }
    if (!finishes) {
      journal.add({ type: "work", operation, phase: "crashed" });
      return;
    }
    const isDone = await this.#report(operation, lease.token, { event: "done", data: {} });
    journal.add({ type: "work", operation, phase: isDone ? "done" : "ended" });
  }

  close(): void {
    this.#isClosed = true;
    this.#clock.kill();
  }

  /**
   * Reports an event and resolves with true when it was stored. A report that the state or a newer lease
   * refuses is not repeated.
   */
  async #report(operation: string, lease: string, event: ReportedEvent): Promise<boolean> {
    const events = [{ ...event, key: `${this.name}-${++this.#reports}` }];
    const results = await this.#patiently(async () => {
      const [result] = await this.#line.report(operation, { lease, events });
      if (result !== undefined && "error" in result && result.error.retryable) throw result.error;
      return result;
    });
    return results !== undefined && !("error" in results);
  }

  /** Repeats a call while a retry may succeed; resolves with undefined when the call failed. */
  async #patiently<T>(call: () => Promise<T>): Promise<T | undefined> {
    for (let attempt = 1; attempt <= 8; attempt++) {
      try {
        return await call();
      } catch (error) {
        const { code = "", retryable = false } = error as { code?: string; retryable?: boolean };
        if (code === "" || code === "internal") this.#world.onDefect(error);
        if (!retryable) return undefined;
        await this.#clock.pause(this.#random.between(100, 1_500));
      }
    }
    return undefined;
  }
}
