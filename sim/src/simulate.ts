import type { JournalRecord, Violation } from "@milepost/checker";
import { hashOf } from "@milepost/checker/recording";
import type { Rule } from "@milepost/core";
import { formatPosition, type Publication } from "@milepost/protocol";
import { Cast } from "./actors/cast.ts";
import { ClusterNode } from "./cluster-node.ts";
import { Journal } from "./journal.ts";
import type { Mutant } from "./mutants/mutant.ts";
import { type Action, channels, type Plan } from "./plan.ts";
import { type EmbeddedStore, Store } from "./store.ts";
import { VirtualTime } from "./virtual-time.ts";

const hourMs = 3_600_000;
const granted = { subscribe: "granted", publish: "granted" } as const;

const rules: readonly Rule[] = [
  { pattern: "log:few", ...granted, retention: { maxEntries: 12, maxAgeMs: hourMs } },
  { pattern: "log:short", ...granted, retention: { maxEntries: 100, maxAgeMs: 20_000 } },
  {
    pattern: "log:*",
    ...granted,
    retention: { maxEntries: 1_000, maxAgeMs: hourMs },
    outage: "spool",
  },
  {
    pattern: "state:*",
    ...granted,
    retention: { maxEntries: 25, maxAgeMs: hourMs },
    projection: { name: "latest" },
  },
];

const limits = { maxReplayEntries: 80, maxSendQueueBytes: 300_000 };
const dedupeMs = 600_000;

/**
 * Time for all subscribers to catch up, in milliseconds: a position check of 25 s, and the time to reconnect
 * and read.
 */
const convergeMs = 30_000;

/** Result of a run. */
export interface Outcome {
  readonly records: readonly JournalRecord[];
  /** Violations found by the checker; the run ends with the step that shows the first one. */
  readonly violations: readonly Violation[];
  /** Exceptions that the product must not throw; each is a defect, whatever the checker finds. */
  readonly defects: readonly unknown[];
}

/**
 * Runs a plan from its first step to the shutdown of everything, or to its first violation. With `embedded`, the store is a
 * file, which needs a plan of one node.
 */
export async function simulate(
  plan: Plan,
  mutant?: Mutant,
  embedded?: EmbeddedStore,
): Promise<Outcome> {
  return new Simulation(plan, mutant, embedded).run();
}

/** Set of the nodes that a fault affects. */
interface Afflicted {
  add(node: string): unknown;
  delete(node: string): unknown;
}

class Simulation {
  readonly #plan: Plan;
  readonly #time = new VirtualTime();
  readonly #journal = new Journal(this.#time);
  readonly #store: Store;
  readonly #nodes: readonly ClusterNode[];
  readonly #cast: Cast;
  readonly #operations = new Set<string>();
  readonly #defects: unknown[] = [];
  #isHealed = false;

  constructor(plan: Plan, mutant: Mutant | undefined, embedded: EmbeddedStore | undefined) {
    this.#plan = plan;
    const time = this.#time;
    const journal = this.#journal;
    const { seed } = plan;
    this.#store = new Store(time, journal, seed, embedded);
    this.#begin();
    const onDefect = (error: unknown) => this.#defects.push(error);
    this.#nodes = plan.nodes.map((name) => {
      const store = this.#store;
      return new ClusterNode(name, {
        seed,
        time,
        journal,
        store,
        rules,
        limits,
        mutant,
        onFault: onDefect,
      });
    });
    for (const node of this.#nodes) node.start();
    const onWork = (operation: string) => this.#beginWork(operation);
    this.#cast = new Cast(plan, { time, journal, nodes: this.#nodes, onDefect, onWork });
    for (const { at, ...action } of plan.steps) time.at(at, () => this.#act(action as Action));
  }

  async run(): Promise<Outcome> {
    await this.#pass(this.#plan.untilMs);
    if (!this.#isBroken) {
      this.#heal();
      await this.#pass(convergeMs + 100);
    }
    if (!this.#isBroken) {
      await this.#dump();
    }
    if (!this.#isBroken) {
      await this.#look();
      await this.#closeAll();
      this.#journal.seal();
    }
    this.#store.end();
    const { records, violations } = this.#journal;
    return { records, violations, defects: this.#defects };
  }

  get #isBroken(): boolean {
    return this.#journal.violations.length > 0;
  }

  /** Advances the time by `ms` milliseconds, or until a step breaks a guarantee. */
  #pass(ms: number): Promise<void> {
    return this.#time.run(this.#time.monotonic() + ms, () => this.#isBroken);
  }

  #begin(): void {
    const { seed } = this.#plan;
    this.#journal.add({
      type: "begin",
      version: 1,
      seed,
      limits: {
        max_replay_entries: limits.maxReplayEntries,
        max_outbox_bytes: limits.maxSendQueueBytes,
        dedupe_ms: dedupeMs,
      },
    });
    this.#journal.add({ type: "wall", offset_ms: this.#time.wallOffset });
    for (const channel of channels) {
      const rule = rules.find(({ pattern }) => matches(pattern, channel));
      this.#describe(channel, rule, "publishers");
    }
  }

  #describe(
    channel: string,
    rule: Pick<Rule, "retention" | "projection"> | undefined,
    written_by: "publishers" | "gateway",
  ): void {
    this.#store.recorded.add(channel);
    this.#journal.add({
      type: "channel",
      channel,
      max_entries: rule?.retention.maxEntries ?? 1_000,
      max_age_ms: rule?.retention.maxAgeMs ?? hourMs,
      projection: rule?.projection?.name ?? null,
      written_by,
    });
  }

  #act(action: Action): void {
    switch (action.do) {
      case "crash":
        this.#crash(action.node, action.isTold, action.ms);
        return;
      case "drain":
        this.#drain(action.node, action.drainMs, action.ms);
        return;
      case "store_refuses":
        this.#during(action.do, action.node, action.ms, this.#store.refused);
        return;
      case "store_hangs":
        this.#during(action.do, action.node, action.ms, this.#store.held);
        return;
      case "store_slow":
        this.#store.callMs = action.callMs;
        this.#fault(action.do, action.ms, () => {
          this.#store.callMs = 2;
        });
        return;
      case "store_answers_lost":
        this.#store.answerLoss = action.part;
        this.#fault(action.do, action.ms, () => {
          this.#store.answerLoss = 0;
        });
        return;
      case "bus_loses":
        this.#store.weather.loss = action.part;
        this.#fault(action.do, action.ms, () => {
          this.#store.weather.loss = 0;
        });
        return;
      case "bus_lags":
        this.#store.weather.delayMs = action.delayMs;
        this.#fault(action.do, action.ms, () => {
          this.#store.weather.delayMs = 3;
        });
        return;
      case "purge":
        void this.#store.purge(action.channel);
        return;
      case "lose_tail":
        this.#store.loseTail(action.channel, action.count).catch((error: unknown) => {
          this.#defects.push(error);
        });
        return;
      case "jump":
        this.#time.jump(action.ms);
        this.#journal.add({ type: "wall", offset_ms: this.#time.wallOffset });
        return;
      default:
        this.#cast.act(action);
    }
  }

  #beginWork(operation: string): void {
    const retention = { maxEntries: 20_000, maxAgeMs: 24 * hourMs };
    const rule = { retention, projection: { name: "operation" } } as const;
    this.#describe(`operation:${operation}`, rule, "gateway");
    this.#operations.add(operation);
  }

  #crash(name: string, isTold: boolean, ms: number): void {
    const node = this.#node(name);
    if (node === undefined || !node.isUp) return;
    this.#journal.add({ type: "fault", fault: "crash", phase: "once", node: name });
    node.crash(isTold);
    this.#time.after(ms, () => node.start());
  }

  #drain(name: string, drainMs: number, ms: number): void {
    const node = this.#node(name);
    if (node === undefined || !node.isUp) return;
    this.#journal.add({ type: "fault", fault: "drain", phase: "once", node: name });
    const gone = () => {
      this.#journal.add({ type: "fault", fault: "drain", phase: "stop", node: name });
      if (this.#isHealed) node.start();
      else this.#time.after(ms, () => node.start());
    };
    node.drain(drainMs).then(gone, (error: unknown) => this.#defects.push(error));
  }

  #during(fault: string, node: string, ms: number, nodes: Afflicted): void {
    nodes.add(node);
    this.#fault(fault, ms, () => {
      nodes.delete(node);
      this.#store.release();
    });
  }

  #fault(fault: string, ms: number, stop: () => void): void {
    this.#journal.add({ type: "fault", fault, phase: "start" });
    this.#time.after(ms, () => {
      stop();
      if (!this.#isHealed) this.#journal.add({ type: "fault", fault, phase: "stop" });
    });
  }

  #node(name: string): ClusterNode | undefined {
    return this.#nodes.find((node) => node.name === name);
  }

  #heal(): void {
    this.#isHealed = true;
    const store = this.#store;
    store.refused.clear();
    store.held.clear();
    store.answerLoss = 0;
    store.callMs = 2;
    store.weather.loss = 0;
    store.weather.delayMs = 3;
    store.release();
    for (const node of this.#nodes) node.heal();
    this.#cast.heal();
    this.#journal.add({ type: "healed", within_ms: convergeMs });
  }

  async #dump(): Promise<void> {
    const { log } = this.#store;
    for (const channel of channels) {
      const rule = rules.find(({ pattern }) => matches(pattern, channel));
      if (rule === undefined) continue;
      const policy = {
        ...rule.retention,
        dedupeMs,
        ...(rule.projection && { projection: rule.projection.name }),
      };
      const { head, floor } = await this.#read(log.read(channel, 0, 1, policy));
      const entries: Publication[] = [];
      // A page ends at 256 KiB.
      for (
        let after = floor.offset;
        after < head.offset;
        after = entries.at(-1)?.position.offset ?? head.offset
      )
        entries.push(...(await this.#read(log.read(channel, after, 100_000, policy))).entries);
      this.#journal.add({
        type: "dump",
        channel,
        head: formatPosition(head),
        entries: entries.map(({ position, json }) => ({
          position: formatPosition(position),
          hash: hashOf(json),
        })),
      });
    }
    if (!this.#isBroken) await this.#dumpOperations();
  }

  /** Reads from the store. The embedded one waits for a commit, which takes time. */
  async #read<T>(reading: Promise<T>): Promise<T> {
    if (this.#store.isEmbedded) await this.#until(reading);
    return reading;
  }

  async #dumpOperations(): Promise<void> {
    for (const operation of this.#operations) {
      const core = this.#nodes.find(({ isUp }) => isUp)?.core;
      let status = "absent";
      let commands: { id: string; phase: string }[] = [];
      const asked = core?.operations.get({ kind: "service", name: "works" }, operation).then(
        (found) => {
          status = found.operation.status;
          commands = found.operation.commands.map(({ id, phase }) => ({ id, phase }));
        },
        () => {},
      );
      await this.#until(asked);
      this.#journal.add({ type: "operation", operation, status, commands });
    }
  }

  /**
   * Records how many ended connections the nodes still hold. One look may meet a close in progress, so the
   * least of three looks counts.
   */
  async #look(): Promise<void> {
    const looks: number[][] = [];
    for (let i = 0; i < 3; i++) {
      looks.push(this.#nodes.map(({ excess }) => excess));
      await this.#pass(3_000);
    }
    for (const [i, { name }] of this.#nodes.entries()) {
      const connections = Math.min(...looks.map((look) => look[i] ?? 0));
      const owner = `${name} (running)`;
      this.#journal.add({ type: "baseline", owner, connections, subscriptions: 0, timers: 0 });
    }
  }

  /** Closes all actors and nodes in order, and records what is left. */
  async #closeAll(): Promise<void> {
    await this.#cast.close((done) => this.#until(done));
    for (const node of this.#nodes) {
      await this.#until(node.drain(0));
      node.retire();
    }
  }

  /** Advances the time until a promise settles, by at most 30 s. */
  async #until(done: Promise<unknown> | undefined): Promise<void> {
    let isDone = false;
    const end = () => {
      isDone = true;
    };
    done?.then(end, end);
    for (let i = 0; i < 300 && !isDone && !this.#isBroken; i++) await this.#pass(100);
    if (!isDone && !this.#isBroken && done !== undefined)
      this.#defects.push(new Error("the orderly shutdown did not finish within 30 s"));
  }
}

function matches(pattern: string, channel: string): boolean {
  return pattern.endsWith("*") ? channel.startsWith(pattern.slice(0, -1)) : pattern === channel;
}
