/**
 * Plan for the generator's connections: where they connect, what they send, and how they know that they are
 * subscribed.
 *
 * In `path` the text `{i}` stands for the number of the connection.
 */
export interface ConnectPlan {
  readonly port: number;
  readonly path: string;
  readonly subprotocol?: string;
  /**
   * Secret that signs the tokens. Each connection carries the token of a user of its own; absent: no tokens are
   * sent.
   */
  readonly tokenSecret?: string;
  /** Text that a connection sends once its socket is open. */
  readonly hello?: string;
  /**
   * Text that marks a connection as subscribed when a message contains it; absent: the connection is subscribed
   * once it is open.
   */
  readonly readyMark?: string;
  /**
   * Heartbeat of the protocol above WebSocket: a message that is exactly `ask` must be answered with `answer`.
   */
  readonly heartbeat?: { readonly ask: string; readonly answer: string };
}
