import { createProducer, type Producer } from "@milepost/producer";
import { SeededRandom } from "../seeded-random.ts";
import { ProcessClock } from "../virtual-time.ts";
import { GatewayLine } from "./gateway-line.ts";
import type { World } from "./world.ts";

const leaseMs = 10_000;

/**
 * Process that does work and reports it with the producer's SDK, over a connection to the gateway that fails in
 * both directions.
 */
export class Works {
  readonly name: string;
  readonly #world: World;
  readonly #random: SeededRandom;
  /** Fraction of calls that fail, half of them before and half after they are done. */
  faultiness = 0;
  #clock: ProcessClock;
  #producer: Producer;
  #lives = 0;
  readonly #underWay = new Set<string>();
  #isDead = { value: false };

  constructor(name: string, world: World) {
    this.name = name;
    this.#world = world;
    this.#random = SeededRandom.named(world.seed, name);
    [this.#producer, this.#clock] = this.#begin();
  }

  get timers(): number {
    return this.#clock.pending;
  }

  /** Starts a piece of work with the given number of steps for a user. */
  work(operationId: string, user: string, steps: number, stepMs: number): void {
    const { journal } = this.#world;
    const clock = this.#clock;
    const random = SeededRandom.named(this.#world.seed, operationId);
    const plan = Array.from({ length: steps }, (_, i) => ({ id: `step-${i}` }));
    const session = `s-${user}`;
    const operation = operationId;
    journal.add({ type: "work", operation, phase: "begun", lease_ms: leaseMs, session });
    this.#underWay.add(operationId);
    const dead = this.#isDead;
    const run = this.#producer.start(
      { kind: "sim", operationId, user, session, steps: plan, leaseMs },
      async (operation) => {
        for (const { id } of plan) {
          await operation.step(id, async (step) => {
            for (let i = 1; i <= 3; i++) {
              await operation.pausePoint();
              await clock.pause(random.between(1, stepMs));
              step.progress({ percent: i * 30 });
              operation.info(`${id} ${i}`);
            }
          });
        }
      },
    );
    void run.finished.then(async ({ status }) => {
      const delivered = await run.delivered;
      // Another process may report on the work by now; its end is then recorded by that process.
      if (dead.value || !this.#underWay.delete(operationId)) return;
      if (!delivered) return;
      journal.add({ type: "work", operation, phase: status === "done" ? "done" : "ended" });
    });
  }

  /** Records that another process took the work over; this process does not learn of it. */
  wasTaken(operationId: string): void {
    this.#underWay.delete(operationId);
  }

  /** Ends the process abruptly and starts a new one that knows nothing of its work. */
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
    const dead = this.#isDead;
    const gateway = new GatewayLine(this.#world, {
      name: `${this.name}-${life}`,
      clock,
      random: this.#random,
      faultiness: () => this.faultiness,
      isDead: () => dead.value,
    });
    const producer = createProducer({
      gateway,
      producerId: `${this.name}-${life}`,
      clock,
      random: SeededRandom.named(this.#world.seed, `${this.name}/${life}`),
      onProblem: () => {},
    });
    return [producer, clock];
  }
}
