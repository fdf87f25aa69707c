import type { Operations, ServicePrincipal } from "@milepost/core";
import type { ProducerGateway, ReportEvents, ReportResult } from "@milepost/model";
import { createProducer, type Producer } from "@milepost/producer";
import { MilepostError } from "@milepost/protocol";
import { hashOf } from "../journal.ts";
import { SeededRandom } from "../seeded-random.ts";
import { ProcessClock } from "../virtual-time.ts";
import type { World } from "./world.ts";

const leaseMs = 10_000;

/** A process that does work and reports on it, over a line to the gateway that fails both ways. */
export class Works {
  readonly name: string;
  readonly #world: World;
  readonly #principal: ServicePrincipal;
  readonly #random: SeededRandom;
  /** The part of calls that fail before, or after, they are done. */
  faultiness = 0;
  #clock: ProcessClock;
  #producer: Producer;
  #lives = 0;
  #published = 0;
  readonly #underWay = new Set<string>();
  #isDead = { value: false };

  constructor(name: string, world: World) {
    this.name = name;
    this.#world = world;
    this.#principal = { kind: "service", name };
    this.#random = SeededRandom.named(world.seed, name);
    [this.#producer, this.#clock] = this.#begin();
  }

  get timers(): number {
    return this.#clock.pending;
  }

  /** Begins a piece of work of some steps for a user. */
  work(operationId: string, user: string, steps: number, stepMs: number): void {
    const { journal } = this.#world;
    const clock = this.#clock;
    const random = SeededRandom.named(this.#world.seed, operationId);
    const plan = Array.from({ length: steps }, (_, i) => ({ id: `step-${i}` }));
    journal.add({ type: "work", operation: operationId, phase: "begun", lease_ms: leaseMs });
    this.#underWay.add(operationId);
    const dead = this.#isDead;
    const run = this.#producer.start(
      { kind: "sim", operationId, user, session: `s-${user}`, steps: plan, leaseMs },
      async (operation) => {
        for (const { id } of plan) {
          await operation.step(id, async (step) => {
            for (let i = 1; i <= 3; i++) {
              await clock.pause(random.between(1, stepMs));
              step.progress({ percent: i * 30 });
              operation.info(`${id} ${i}`);
            }
          });
        }
      },
    );
    void run.finished.then(async () => {
      const delivered = await run.delivered;
      if (dead.value) return;
      this.#underWay.delete(operationId);
      if (delivered) journal.add({ type: "work", operation: operationId, phase: "done" });
    });
  }

  /** The process ends without a word, and begins anew with nothing. */
  crash(): void {
    this.#isDead.value = true;
    this.#isDead = { value: false };
    this.#clock.kill();
    for (const operation of this.#underWay) {
      this.#world.journal.add({ type: "work", operation, phase: "crashed" });
    }
    this.#underWay.clear();
    [this.#producer, this.#clock] = this.#begin();
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }

  #begin(): [Producer, ProcessClock] {
    const clock = new ProcessClock(this.#world.time);
    const life = ++this.#lives;
    const producer = createProducer({
      gateway: this.#gateway(clock, this.#isDead),
      producerId: `${this.name}-${life}`,
      clock,
      random: SeededRandom.named(this.#world.seed, `${this.name}/${life}`),
      onProblem: () => {},
    });
    return [producer, clock];
  }

  #gateway(clock: ProcessClock, dead: { readonly value: boolean }): ProducerGateway {
    const call = <T>(work: (operations: Operations) => Promise<T>) => this.#call(work, clock, dead);
    const principal = this.#principal;
    return {
      create: (input) => call((operations) => operations.create(principal, input)),
      report: (operationId, input) =>
        this.#noted(operationId, input, () =>
          call((operations) => operations.report(principal, operationId, input)),
        ),
      takeOver: (operationId, ms) =>
        call((operations) => operations.takeOver(principal, operationId, ms)),
      pendingCommands: (source, waitMs, signal) =>
        call((operations) => operations.pendingCommands(principal, source, waitMs, signal)),
    };
  }

  /** Over the line: any node, some time each way, and sometimes it breaks before or after. */
  async #call<T>(
    work: (operations: Operations) => Promise<T>,
    clock: ProcessClock,
    dead: { readonly value: boolean },
  ): Promise<T> {
    await clock.pause(this.#random.between(1, 20));
    const core = this.#random.pick(this.#world.nodes.filter(({ isUp }) => isUp))?.core;
    if (core === undefined || this.#random.chance(this.faultiness / 2)) throw broken();
    const value = await work(core.operations);
    if (dead.value) return new Promise(() => {});
    await clock.pause(this.#random.between(1, 20));
    if (this.#random.chance(this.faultiness / 2)) throw broken();
    return value;
  }

  async #noted(
    operationId: string,
    { events }: ReportEvents,
    report: () => Promise<readonly ReportResult[]>,
  ): Promise<readonly ReportResult[]> {
    const { journal } = this.#world;
    const publisher = `${this.name}/${operationId}`;
    const channel = `operation:${operationId}`;
    const attempt = 1;
    const line = `report-${this.#published}`;
    const asked = events.map(({ event, data, key = "" }) => {
      const n = ++this.#published;
      const hash = hashOf(JSON.stringify(data ?? null));
      journal.add({ type: "publish", publisher, n, line, attempt, channel, key, event, hash });
      return n;
    });
    const results = await report();
    for (const [i, result] of results.entries()) {
      const n = asked[i];
      if (n === undefined || "error" in result) continue;
      const { position, duplicate } = result;
      const outcome = "stored";
      journal.add({ type: "published", publisher, n, attempt, outcome, position, duplicate });
    }
    return results;
  }
}

function broken(): MilepostError {
  return new MilepostError("timed_out", "the simulated line to the gateway broke");
}
