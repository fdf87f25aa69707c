import type { Bus, BusListener, LogPolicy } from "@milepost/engine";
import type { Publication } from "@milepost/protocol";
import type { SeededRandom } from "./seeded-random.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Conditions of the bus from the store to the nodes. */
export interface BusWeather {
  /** Fraction of publications that are lost. */
  loss: number;
  /** Longest delay of a publication, in milliseconds. */
  delayMs: number;
}

/** Bus of one node: it keeps the order, delays publications, and loses the fraction that the weather sets. */
export class NodeBus implements Bus {
  readonly node: string;
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  readonly #weather: BusWeather;
  readonly #attach: (channel: string, policy: LogPolicy) => Promise<void>;
  readonly #channels = new Set<string>();
  #listener: BusListener | undefined;
  #onDisrupted: (() => void) | undefined;
  #lastAt = 0;
  /** True once the node has ended or is cut off from the store. */
  isCut = false;

  constructor(
    node: string,
    time: VirtualTime,
    random: SeededRandom,
    weather: BusWeather,
    attach: (channel: string, policy: LogPolicy) => Promise<void>,
  ) {
    this.node = node;
    this.#time = time;
    this.#random = random;
    this.#weather = weather;
    this.#attach = attach;
  }

  listen(listener: BusListener, onDisrupted?: () => void): void {
    this.#listener = listener;
    this.#onDisrupted = onDisrupted;
  }

  /** Reports to the node that publications may have been lost. */
  disrupt(): void {
    if (!this.isCut) this.#onDisrupted?.();
  }

  async subscribe(channel: string, policy: LogPolicy): Promise<void> {
    await this.#attach(channel, policy);
    this.#channels.add(channel);
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#channels.delete(channel);
  }

  /** Sends a publication to the node, with a delay. */
  carry(publication: Publication): void {
    if (this.isCut || !this.#channels.has(publication.channel)) return;
    const { loss, delayMs } = this.#weather;
    if (loss > 0 && this.#random.chance(loss)) return;
    const at = this.#time.monotonic() + this.#random.between(0, delayMs);
    this.#lastAt = Math.max(this.#lastAt, at);
    this.#time.at(this.#lastAt, () => {
      if (!this.isCut) this.#listener?.(publication);
    });
  }
}
