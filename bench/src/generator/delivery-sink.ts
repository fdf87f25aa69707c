/** Receiver of what the connections of a generator read. */
export interface DeliverySink {
  /** Reports that a socket has data. The deliveries that follow are measured against this moment. */
  startRead(): void;
  /** Reports that connection `index` received publication `seq`, which was due at `atUs`. */
  deliver(index: number, seq: number, atUs: number): void;
  /** Reports that a subscribed connection has ended. */
  connectionClosed(reason: string): void;
}
