import type { ClusterNode } from "../cluster-node.ts";
import { makeToken } from "../credential.ts";
import type { Journal } from "../journal.ts";
import type { CastAction, Plan } from "../plan.ts";
import type { VirtualTime } from "../virtual-time.ts";
import { Backend } from "./backend.ts";
import { Commander } from "./commander.ts";
import { FeedReader } from "./feed-reader.ts";
import { PlainReader } from "./plain-reader.ts";
import { Rival } from "./rival.ts";
import { SdkReader } from "./sdk-reader.ts";
import { Works } from "./works.ts";
import type { Attached, Reading, World } from "./world.ts";

/** Parts that a cast needs from the simulation. */
export interface CastParts {
  readonly time: VirtualTime;
  readonly journal: Journal;
  readonly nodes: readonly ClusterNode[];
  onDefect(error: unknown): void;
  /** Called before work begins on an operation, so that its channel can be recorded. */
  onWork(operation: string): void;
}

/**
 * All actors around the cluster: readers, watchers of feeds, backends, producers and the users who command
 * them.
 */
export class Cast {
  readonly #parts: CastParts;
  readonly #world: World;
  readonly #readers = new Map<string, Reading>();
  /** Readers and watchers of feeds, by name. */
  readonly #attached = new Map<string, Attached>();
  readonly #denied = new Map<string, Set<string>>();
  readonly #backends: readonly Backend[];
  readonly #works: Works;
  readonly #rivals: Rival[] = [];
  readonly #commander: Commander;
  #isHealed = false;

  constructor({ seed, tokenMs, readers, feeds, backends }: Plan, parts: CastParts) {
    this.#parts = parts;
    const { time, journal, nodes, onDefect } = parts;
    const token = (user: string) => {
      const expiresAt = tokenMs === undefined ? undefined : time.now() + tokenMs;
      return makeToken(user, expiresAt, this.#denied.get(user));
    };
    const world: World = { seed, time, journal, nodes, denied: this.#denied, token, onDefect };
    this.#world = world;
    for (const { name, kind } of readers) {
      const reader =
        kind === "sdk" ? new SdkReader(name, world) : new PlainReader(name, world, kind);
      this.#readers.set(name, reader);
      this.#attached.set(name, reader);
    }
    for (const { name, user } of feeds) {
      this.#attached.set(name, new FeedReader(name, user, world));
    }
    this.#commander = new Commander(world);
    this.#backends = backends.map((name) => new Backend(name, world));
    this.#works = new Works("works", world);
  }

  act(action: CastAction): void {
    switch (action.do) {
      case "subscribe":
        this.#readers.get(action.reader)?.subscribe(action.channel, action.since, action.events);
        return;
      case "unsubscribe":
        this.#readers.get(action.reader)?.unsubscribe(action.channel);
        return;
      case "publish":
        this.#readers.get(action.reader)?.publish(action.channel, action.count, action.bytes);
        return;
      case "send": {
        const { backend, channel, count, bytes, atOnce } = action;
        this.#backends.find(({ name }) => name === backend)?.publish(channel, count, bytes, atOnce);
        return;
      }
      case "purge_by_backend":
        this.#backends[0]?.purge(action.channel);
        return;
      case "work":
        this.#work(action.operation, action.user, action.steps, action.stepMs);
        return;
      case "worker_crash":
        this.#works.crash();
        return;
      case "worker_line":
        this.#works.faultiness = action.faultiness;
        this.#later(action.ms, () => {
          this.#works.faultiness = 0;
        });
        return;
      case "take_over":
        this.#takeOver(action.operation, action.finishes);
        return;
      case "command":
        void this.#commander.command(action.user, action.operation, action.command);
        return;
      case "deny": {
        const denied = new Set(this.#denied.get(action.reader)).add(action.channel);
        this.#denied.set(action.reader, denied);
        return;
      }
      case "allow":
        this.#denied.get(action.reader)?.delete(action.channel);
        return;
      case "restart_reader":
        this.#attached.get(action.reader)?.restart();
        return;
      case "drop":
        this.#attached.get(action.reader)?.drop();
        return;
      case "silence":
        this.#attached.get(action.reader)?.silence();
        return;
      case "stall": {
        const reader = this.#attached.get(action.reader);
        reader?.stall();
        this.#later(action.ms, () => reader?.resume());
        return;
      }
    }
  }

  /** Ends all faults of the actors' connections. Actions that are scheduled for later no longer run. */
  heal(): void {
    this.#isHealed = true;
    this.#works.faultiness = 0;
    for (const one of this.#attached.values()) one.heal();
  }

  /** Closes all actors in order, one after the other; `until` advances the time until a promise settles. */
  async close(until: (done: Promise<unknown>) => Promise<void>): Promise<void> {
    this.#commander.close();
    for (const rival of this.#rivals) rival.close();
    for (const [name, reader] of this.#attached) {
      await until(reader.close());
      await until(new Promise<void>((resolve) => this.#parts.time.after(1_500, resolve)));
      this.#leftOf(name, reader.timers);
    }
    await until(this.#works.close());
    this.#leftOf("works", this.#works.timers);
    for (const backend of this.#backends) backend.close();
  }

  #work(operation: string, user: string, steps: number, stepMs: number): void {
    this.#parts.onWork(operation);
    this.#works.work(operation, user, steps, stepMs);
    const channel = `operation:${operation}`;
    this.#later(500, () => this.#readers.get(user)?.subscribe(channel, "state"));
  }

  #takeOver(operation: string, finishes: boolean): void {
    const rival = new Rival(`rival-${this.#rivals.length + 1}`, this.#world);
    this.#rivals.push(rival);
    void rival.takeOver(operation, finishes, () => this.#works.wasTaken(operation));
  }

  #leftOf(owner: string, timers: number): void {
    const { journal } = this.#parts;
    journal.add({ type: "baseline", owner, connections: 0, subscriptions: 0, timers });
  }

  #later(ms: number, run: () => void): void {
    this.#parts.time.after(ms, () => {
      if (!this.#isHealed) run();
    });
  }
}
