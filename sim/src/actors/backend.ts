import { Submission } from "@milepost/checker/recording";
import type { Core, ServicePrincipal } from "@milepost/core";
import { SeededRandom } from "../seeded-random.ts";
import { ProcessClock } from "../virtual-time.ts";
import { eventNames, payload, type World } from "./world.ts";

const patienceMs = 5_000;

/** Service that publishes through any node that is up, and retries with the same key. */
export class Backend {
  readonly name: string;
  readonly #principal: ServicePrincipal;
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #clock: ProcessClock;
  #published = 0;
  #line: Promise<void> = Promise.resolve();

  constructor(name: string, world: World) {
    this.name = name;
    this.#principal = { kind: "service", name };
    this.#world = world;
    this.#random = SeededRandom.named(world.seed, name);
    this.#clock = new ProcessClock(world.time);
  }

  get timers(): number {
    return this.#clock.pending;
  }

  /**
   * Publishes entries one after the other, and repeats each until it is stored; with `atOnce` all at the same
   * time.
   */
  publish(channel: string, count: number, bytes: number, atOnce: boolean): void {
    const line = atOnce ? `batch-${this.#published}` : "one by one";
    const core = atOnce ? this.#anyCore() : undefined;
    for (let i = 0; i < count; i++) {
      const n = ++this.#published;
      if (atOnce) void this.#publish(n, line, channel, bytes, core);
      else this.#line = this.#line.then(() => this.#publish(n, line, channel, bytes));
    }
  }

  purge(channel: string): void {
    const purged = this.#anyCore()?.channels.purge(this.#principal, channel);
    purged?.catch((error: unknown) => this.#judge(error));
  }

  close(): void {
    this.#clock.kill();
  }

  #anyCore(): Core | undefined {
    return this.#random.pick(this.#world.nodes.filter(({ isUp }) => isUp))?.core;
  }

  /**
   * Publishes one entry. The first attempt goes through `first`, if given: entries that go through one node
   * keep their order.
   */
  async #publish(
    n: number,
    line: string,
    channel: string,
    bytes: number,
    first?: Core,
  ): Promise<void> {
    const key = `${this.name}-${n}`;
    const event = this.#random.pick(eventNames);
    const data = payload(n, bytes);
    const what = { publisher: this.name, n, channel, event, data, key };
    const submission = new Submission(this.#world.journal, what);
    while (submission.attempts < 6) {
      submission.asks(line);
      const core = (submission.attempts === 1 ? first : undefined) ?? this.#anyCore();
      const asked = core?.channels.publish(this.#principal, channel, event, data, { key });
      try {
        const stored = await this.#inTime(asked);
        if (stored !== undefined) {
          submission.isStored(stored);
          return;
        }
        submission.isNot("unknown", "lost");
      } catch (error) {
        submission.isNot("unknown", this.#judge(error));
      }
      await this.#clock.pause(this.#random.between(100, 2_000));
    }
  }

  /** Resolves with undefined when the node does not answer in time, because it has ended or its store hangs. */
  #inTime<T>(asked: Promise<T> | undefined): Promise<T | undefined> {
    if (asked === undefined) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(patienceMs, () => resolve(undefined));
      asked.then(resolve, reject).finally(cancel);
    });
  }

  #judge(error: unknown): string {
    const { code = "" } = error as { code?: string };
    if (code === "" || code === "internal") this.#world.onDefect(error);
    return code;
  }
}
