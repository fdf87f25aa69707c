import type { SignalListener, Signals } from "../ports/signals.ts";

/** Signals between the nodes within one process. */
export class MemorySignals implements Signals {
  readonly #listeners: { readonly node: string; readonly listener: SignalListener }[] = [];

  async listen(node: string, listener: SignalListener): Promise<void> {
    this.#listeners.push({ node, listener });
  }

  async send(signal: unknown, node?: string): Promise<void> {
    const json = JSON.stringify(signal);
    for (const to of [...this.#listeners]) {
      if (node === undefined || node === to.node) to.listener(JSON.parse(json));
    }
  }
}
