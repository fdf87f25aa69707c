/** Receives the signal, a JSON value that this or another node sent. */
export type SignalListener = (signal: unknown) => void;

/**
 * Messages between nodes, each delivered at most once. A node that cannot be reached when a signal is sent
 * never gets it.
 *
 * A signal may therefore only speed up what the node would find out anyway, or carry what its sender can ask
 * for again.
 */
export interface Signals {
  /**
   * Sets the only listener of this node and the node's name. `onDisrupted` is called when signals may have been
   * lost. Resolves once everything sent from now on will arrive.
   */
  listen(node: string, listener: SignalListener, onDisrupted?: () => void): Promise<void>;
  /** Sends to all nodes including this one, or to the named node. Resolves once the store has the signal. */
  send(signal: unknown, node?: string): Promise<void>;
}
