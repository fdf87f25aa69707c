import type { Publication } from "@milepost/protocol";
import type { Bus, BusListener } from "../ports/bus.ts";

/** Bus within one process: publishing calls the listener directly. */
export class MemoryBus implements Bus {
  readonly #channels = new Set<string>();
  #listener: BusListener | undefined;

  listen(listener: BusListener): void {
    this.#listener = listener;
  }

  async subscribe(channel: string): Promise<void> {
    this.#channels.add(channel);
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#channels.delete(channel);
  }

  /**
   * Delivers a publication to the listener if its channel is subscribed. The log calls this within the append.
   */
  publish(publication: Publication): void {
    if (this.#channels.has(publication.channel)) this.#listener?.(publication);
  }
}
