/** Hears what the connections of a generator get. */
export interface DeliverySink {
  /** A socket has something: what follows is measured against this moment. */
  startRead(): void;
  /** Connection `index` got publication `seq`, which was due at `atUs`. */
  deliver(index: number, seq: number, atUs: number): void;
  /** A connection that was subscribed has ended. */
  connectionClosed(reason: string): void;
}
