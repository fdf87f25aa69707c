/** Takes what another node, or this one, sent; JSON. */
export type SignalListener = (signal: unknown) => void;

/**
 * Messages between nodes, each at most once: one that is sent while a node cannot be reached never comes to it. So a
 * signal may only hasten what the node would find out otherwise, or what whoever asked for it can ask for again.
 */
export interface Signals {
  /**
   * Sets the one listener of this node, which has the name; `onDisrupted` is called when something may have been lost. It
   * resolves once everything sent from now on will come.
   */
  listen(node: string, listener: SignalListener, onDisrupted?: () => void): Promise<void>;
  /** Sends to all nodes, this one too, or to the one named. Resolves when the store has it. */
  send(signal: unknown, node?: string): Promise<void>;
}
