import { check, type Fact, type JournalRecord, type Violation } from "@milepost/checker";
import { memoryEngine, type Queues } from "@milepost/engine";
import type { SpoilQueues } from "./mutants/queue-mutants.ts";
import { recordedQueues } from "./recorded-queues.ts";
import { SeededRandom } from "./seeded-random.ts";

const queue = "preview";
const steps = 260;
const people = 14;
const graceMs = 30_000;
const laneSets = [
  { paid: 3, free: 1 },
  { paid: 10, free: 1, trial: 0.5 },
  { free: 1, paid: 1 },
  { free: 4 },
] as const;

interface Worker {
  name: string;
  /** Key of the claim whose answer the worker waits for. */
  asked: string | undefined;
  holds: { readonly ticket: string; readonly fence: number } | undefined;
}

/**
 * Runs one queue in a shared store, with people, workers and nodes around it. Requests and answers are lost or come late,
 * workers die and are replaced, the store goes away, and weights and capacity change, as the seed chooses. Then everyone
 * is served. Returns the violations of W7.
 */
export async function runQueue(seed: number, spoil?: SpoilQueues): Promise<Violation[]> {
  return (await judgeQueue(seed, spoil)).violations;
}

/** Runs the same and returns its records, too. */
export async function judgeQueue(seed: number, spoil?: SpoilQueues) {
  const run = new QueueRun(seed, spoil);
  await run.configure();
  for (let n = 0; n < steps; n++) await run.step();
  await run.drain();
  const violations = check(run.journal).filter(({ id }) => id === "W7");
  return { records: run.journal, violations };
}

class QueueRun {
  readonly journal: JournalRecord[] = [];
  readonly #random: SeededRandom;
  readonly #queues: Queues;
  readonly #workers: Worker[] = [];
  /** Requests that have not reached the store yet. */
  #late: (() => Promise<unknown>)[] = [];
  /** Tickets that people were told of, by person. */
  readonly #tickets = new Map<number, string>();
  #capacity = 3;
  #joins = 0;
  #names = 0;
  #now = 0;
  #sweptAt = 0;

  constructor(seed: number, spoil: SpoilQueues | undefined) {
    this.#random = SeededRandom.named(seed, "queue");
    const clock = {
      now: () => 1_767_225_600_000 + this.#now,
      monotonic: () => this.#now,
      after: () => () => {},
      soon: () => () => {},
    };
    const { queues } = memoryEngine()({ clock, random: this.#random });
    this.#queues = recordedQueues(spoil?.(queues) ?? queues, (fact) => this.#add(fact));
    const limits = { max_replay_entries: 1, max_outbox_bytes: 1, dedupe_ms: 1 };
    this.#add({ type: "begin", version: 1, seed, limits });
    for (let n = 0; n < 4; n++) this.#workers.push(this.#newWorker());
  }

  async configure(lanes: Readonly<Record<string, number>> = laneSets[0]): Promise<void> {
    await this.#queues.configure(queue, { capacity: this.#capacity, lanes, graceMs }, 10);
  }

  async step(): Promise<void> {
    const random = this.#random;
    const dice = random.fraction();
    if (dice < 0.22) await this.#join();
    else if (dice < 0.27) await this.#send(() => this.#queues.leave(queue, this.#anyTicket()));
    else if (dice < 0.36) await this.#sign();
    else if (dice < 0.4) await this.#queues.get(queue, [...this.#tickets.values()]);
    else if (dice < 0.76) await this.#work(random.pick(this.#workers));
    else if (dice < 0.79) this.#die();
    else if (dice < 0.8) await this.#change();
    else if (dice < 0.81) this.#now += random.int(1_000, 90_000);
    else if (dice < 0.84) await this.#arriveLate();
    else await this.#pass(random.int(0, 6_000));
  }

  /** Ends all faults and serves everyone, in the order that everyone is told. */
  async drain(): Promise<void> {
    await this.#arriveLate();
    this.#workers.length = 0;
    // Leases of workers that died end, and people who are gone leave.
    for (let passed = 0; passed < 240_000; passed += 5_000) await this.#pass(5_000);
    this.#add({ type: "drain", queue });
    this.#capacity = Math.max(1, this.#capacity);
    const { lanes = [] } = (await this.#queues.state(queue)) ?? {};
    const weights = lanes.filter(({ isDraining }) => !isDraining);
    await this.configure(Object.fromEntries(weights.map(({ name, weight }) => [name, weight])));
    await this.#queues.get(queue, [...this.#tickets.values()]);
    for (let n = 0; n < 1_000; n++) {
      const result = await this.#queues.claim(queue, {
        worker: "last",
        key: `${n}`,
        leaseMs: 60_000,
      });
      if (result.status !== "claimed") break;
      await this.#queues.finish(queue, result.ticket.id, result.ticket.fence ?? 0);
      if (n % 20 === 0) await this.#pass(1_000);
    }
    this.#add({ type: "queue_end", queue });
    this.#add({ type: "end" });
  }

  async #join(): Promise<void> {
    const person = this.#random.int(1, people);
    const id = this.#tickets.get(person) ?? `t${++this.#joins}`;
    const [known] = await this.#queues.get(queue, [id]);
    const isOver = known !== undefined && known.state !== "waiting" && known.state !== "running";
    const ticket = isOver ? `t${++this.#joins}` : id;
    const lane = this.#random.pick(["paid", "free", "trial"]);
    // A person whose answer is lost tries again with the same id.
    this.#tickets.set(person, ticket);
    const { lanes = [] } = (await this.#queues.state(queue)) ?? {};
    const isOpen = lanes.some(({ name, isDraining }) => name === lane && !isDraining);
    const rest = isOpen ? { lane } : {};
    await this.#send(() =>
      this.#queues.join(queue, { id: ticket, owner: `user:${person}`, ...rest }).catch(() => {}),
    );
  }

  async #sign(): Promise<void> {
    const ids = [this.#anyTicket(), this.#anyTicket()];
    if (this.#random.chance(0.7)) {
      const forMs = this.#random.int(5_000, 40_000);
      await this.#send(() => this.#queues.markSeen(queue, ids, forMs));
    } else {
      await this.#send(() => this.#queues.markGone(queue, ids));
    }
  }

  async #work(worker: Worker | undefined): Promise<void> {
    if (worker === undefined) return;
    const { holds } = worker;
    if (holds === undefined) {
      const key = worker.asked ?? `${++this.#names}`;
      worker.asked = key;
      const leaseMs = this.#random.int(2_000, 20_000);
      const result = await this.#send(() =>
        this.#queues.claim(queue, { worker: worker.name, key, leaseMs }),
      );
      // A lost answer leaves the key, so that the worker asks again.
      if (result === undefined) return;
      worker.asked = undefined;
      if (result.status !== "claimed") return;
      worker.holds = { ticket: result.ticket.id, fence: result.ticket.fence ?? 0 };
      return;
    }
    const { ticket, fence } = holds;
    const dice = this.#random.fraction();
    const answer = await this.#send(() => {
      if (dice < 0.35) return this.#queues.extend(queue, ticket, fence, 8_000);
      if (dice < 0.8) return this.#queues.finish(queue, ticket, fence);
      return this.#queues.fail(queue, ticket, fence, { giveBack: dice < 0.92 });
    });
    const isKept = answer === undefined || (answer.status === "held" && dice < 0.35);
    if (!isKept) worker.holds = undefined;
  }

  /** Kills a worker, which forgets everything; at times its machine goes on as a zombie with what it had. */
  #die(): void {
    const at = this.#random.int(0, this.#workers.length - 1);
    const dead = this.#workers[at];
    if (dead === undefined) return;
    if (dead.holds !== undefined && this.#random.chance(0.5)) {
      const { ticket, fence } = dead.holds;
      this.#late.push(() => this.#queues.finish(queue, ticket, fence));
    }
    this.#workers[at] = this.#newWorker();
  }

  async #change(): Promise<void> {
    this.#capacity = this.#random.int(0, 6);
    await this.configure(this.#random.pick(laneSets) ?? laneSets[0]);
  }

  /** Lets time pass, in which nodes sweep. */
  async #pass(ms: number): Promise<void> {
    this.#now += ms;
    if (this.#now - this.#sweptAt < 2_000) return;
    this.#sweptAt = this.#now;
    await this.#queues.sweep(queue, this.#random.int(1, 20));
  }

  /** Sends a request. It may be lost, come late or lose its answer; then the result is undefined. */
  async #send<T>(request: () => Promise<T>): Promise<T | undefined> {
    const dice = this.#random.fraction();
    if (dice < 0.06) return undefined;
    if (dice < 0.12) {
      this.#late.push(request);
      return undefined;
    }
    const answer = await request();
    return dice < 0.2 ? undefined : answer;
  }

  async #arriveLate(): Promise<void> {
    const late = this.#late;
    this.#late = [];
    for (const request of late) await request();
  }

  #anyTicket(): string {
    return this.#random.pick([...this.#tickets.values()]) ?? "none";
  }

  #newWorker(): Worker {
    return { name: `w${++this.#names}`, asked: undefined, holds: undefined };
  }

  #add(fact: Fact): void {
    this.journal.push({ ...fact, t: this.#now });
  }
}
