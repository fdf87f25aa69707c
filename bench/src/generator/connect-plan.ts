/**
 * How the generator's connections reach a server and know that they are served.
 *
 * In `path` the text `{i}` stands for the number of the connection.
 */
export interface ConnectPlan {
  readonly port: number;
  readonly path: string;
  readonly subprotocol?: string;
  /** Each connection carries a token of a user of its own, signed with this. */
  readonly tokenSecret?: string;
  /** Text to send once the socket is open. */
  readonly hello?: string;
  /** The connection is subscribed when a message holds this text; absent: as soon as it is open. */
  readonly readyMark?: string;
  /** A message of exactly this text wants that answer: heartbeats above WebSocket's own. */
  readonly heartbeat?: { readonly ask: string; readonly answer: string };
}
