import type { ConnectPlan } from "../generator/connect-plan.ts";
import type { Deliveries } from "../generator/delivery-count.ts";
import type { GeneratorMethods } from "../generator/generator-process.ts";
import { cpuSeconds } from "../measure/process-usage.ts";
import type { Child } from "../process/child.ts";
import { type ServedNode, secrets } from "../targets/served-node.ts";
import { addGenerator } from "./stage.ts";

const timeoutMs = 120_000;
/** How long readers wait for the next delivery before they give the rest up. */
const patienceMs = 5_000;

interface Group {
  readonly generator: Child<GeneratorMethods>;
  readonly readers: number;
}

/**
 * Readers of one channel, divided among several nodes; disposing ends their processes.
 *
 * Two processes read, as one would take a whole core; those at the last node, who are to lose it, have a third.
 */
export class Crowd implements AsyncDisposable {
  readonly #channel: string;
  readonly #generators = [addGenerator(), addGenerator(), addGenerator()] as const;
  #groups: readonly Group[] = [];

  private constructor(channel: string) {
    this.#channel = channel;
  }

  /** Opens `connections` in all and resolves when each is subscribed. */
  static async open(
    channel: string,
    nodes: readonly ServedNode[],
    connections: number,
  ): Promise<Crowd> {
    const crowd = new Crowd(channel);
    try {
      await crowd.#connect(nodes, connections);
      return crowd;
    } catch (error) {
      await crowd[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Seconds of CPU that its processes have used. */
  get cpuSeconds(): number {
    return this.#generators.reduce((total, { pid }) => total + cpuSeconds(pid), 0);
  }

  /** Forgets what was counted; what each has read stays. */
  async reset(): Promise<void> {
    await Promise.all(this.#generators.map((one) => one.call("reset", undefined)));
  }

  /** Waits until each reader has so many, and tells what each process counted. */
  all(publications: number): Promise<readonly Deliveries[]> {
    return Promise.all(
      this.#groups.map(({ generator, readers }) => {
        const delivered = publications * readers;
        return generator.call("waitFor", { delivered, patienceMs }, timeoutMs);
      }),
    );
  }

  /** The readers of the last node come to another, from a place on, and wait for one publication each. */
  async comeBack(
    to: ServedNode,
    place: { readonly seq: number; readonly cursor: string },
  ): Promise<{ readonly report: Deliveries; readonly readers: number }> {
    const readers = this.#groups.at(-1)?.readers ?? 0;
    const [, , generator] = this.#generators;
    const back = { plan: this.#planOf(to), connections: readers, places: [place] };
    await generator.call("comeBack", back, timeoutMs);
    const arrived = { delivered: readers, patienceMs };
    return { report: await generator.call("waitFor", arrived, timeoutMs), readers };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#generators.map((one) => one[Symbol.asyncDispose]()));
  }

  async #connect(nodes: readonly ServedNode[], connections: number): Promise<void> {
    const shares = divided(connections, nodes.length);
    const last = nodes.length - 1;
    const half = Math.ceil(last / 2);
    const [first, second, third] = this.#generators;
    const connect = async (generator: Child<GeneratorMethods>, from: number, to: number) => {
      let readers = 0;
      for (const [i, node] of nodes.slice(from, to).entries()) {
        const share = shares[from + i] ?? 0;
        const connecting = { plan: this.#planOf(node), connections: share };
        await generator.call("connect", connecting, timeoutMs);
        readers += share;
      }
      return { generator, readers };
    };
    this.#groups = await Promise.all([
      connect(first, 0, half),
      connect(second, half, last),
      connect(third, last, nodes.length),
    ]);
  }

  #planOf({ url }: ServedNode): ConnectPlan {
    return {
      port: Number(new URL(url).port),
      path: `/ws?channels=${this.#channel}`,
      tokenSecret: secrets.tokenSecret,
      readyMark: '"subscribed"',
    };
  }
}

/** A whole number in `parts` whole numbers that are as even as can be. */
export function divided(whole: number, parts: number): readonly number[] {
  const least = Math.floor(whole / parts);
  return Array.from({ length: parts }, (_, i) => least + (i < whole % parts ? 1 : 0));
}
