import type { ConnectPlan } from "../generator/connect-plan.ts";
import type { Deliveries } from "../generator/delivery-count.ts";
import type { GeneratorMethods } from "../generator/generator-process.ts";
import { cpuSeconds } from "../measure/process-usage.ts";
import type { Child } from "../process/child.ts";
import { type ServedNode, secrets } from "../targets/served-node.ts";
import { addGenerator } from "./stage.ts";

const timeoutMs = 120_000;
/** Longest wait of the readers for the next delivery, in milliseconds, before they give up the rest. */
const patienceMs = 5_000;

interface Group {
  readonly generator: Child<GeneratorMethods>;
  readonly readers: number;
}

/**
 * Readers of one channel, divided among several nodes; disposing ends their processes.
 *
 * Two processes read for most nodes, because one would take a whole core. The readers at the last node, which
 * is killed later, have a third process.
 */
export class Crowd implements AsyncDisposable {
  readonly #channel: string;
  readonly #generators = [addGenerator(), addGenerator(), addGenerator()] as const;
  #groups: readonly Group[] = [];

  private constructor(channel: string) {
    this.#channel = channel;
  }

  /** Opens `connections` connections in total; resolves once all are subscribed. */
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

  /** CPU time that the reading processes have used, in seconds. */
  get cpuSeconds(): number {
    return this.#generators.reduce((total, { pid }) => total + cpuSeconds(pid), 0);
  }

  /** Clears the counts, but not the record of what each reader has read. */
  async reset(): Promise<void> {
    await Promise.all(this.#generators.map((one) => one.call("reset", undefined)));
  }

  /**
   * Waits until each reader has received `publications` publications; resolves with the counts of each process.
   */
  all(publications: number): Promise<readonly Deliveries[]> {
    return Promise.all(
      this.#groups.map(({ generator, readers }) => {
        const delivered = publications * readers;
        return generator.call("waitFor", { delivered, patienceMs }, timeoutMs);
      }),
    );
  }

  /**
   * Connects the readers of the last node to another node. They resume from `place` and wait for one
   * publication each.
   */
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

/**
 * Divides a whole number into `parts` whole numbers that are as equal as possible; the larger ones come first.
 */
export function divided(whole: number, parts: number): readonly number[] {
  const least = Math.floor(whole / parts);
  return Array.from({ length: parts }, (_, i) => least + (i < whole % parts ? 1 : 0));
}
