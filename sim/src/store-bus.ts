import type { Bus, BusListener, LogPolicy } from "@milepost/engine";
import type { Publication } from "@milepost/protocol";
import type { SeededRandom } from "./seeded-random.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** What the line from the store to the nodes is like. */
export interface BusWeather {
  /** The part of publications that is lost. */
  loss: number;
  /** The longest way, in milliseconds. */
  delayMs: number;
}

/** The bus of one node: keeps the order, delays, and loses what the weather takes. */
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
  /** The node is gone, or cut off from the store. */
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

  /** Something may have been lost, and the node knows. */
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

  /** Sends a publication on its way to the node. */
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
