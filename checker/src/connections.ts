import type {
  BaselineRecord,
  ClosedRecord,
  OpenedRecord,
  RenewedRecord,
  WallRecord,
} from "./records.ts";
import type { Accuse } from "./violation.ts";

interface OpenConnection {
  readonly name: string;
  expiresAt: number | undefined;
  /**
   * Time at which the credential expired, on the journal's clock in milliseconds; undefined while it is valid.
   */
  overSince: number | undefined;
}

/** Tolerance for late deadlines, in milliseconds: timers are kept to 50 ms. */
const slackMs = 100;
const graceMs = 5_000;
/**
 * Bytes allowed beyond the send queue's limit: what the transport may hold at the last write, and one batch.
 */
const batchBytes = 512 * 1_024;

/**
 * Checks that sockets end with their credential and hold a bounded number of bytes, and that nothing remains
 * that should have been released.
 */
export class ConnectionChecks {
  readonly #open = new Map<string, OpenConnection>();
  readonly #maxOutbox: () => number;
  #wallOffset = 0;

  constructor(maxOutbox: () => number) {
    this.#maxOutbox = maxOutbox;
  }

  wall({ offset_ms }: WallRecord, t: number, accuse: Accuse): void {
    this.pass(t, accuse);
    this.#wallOffset = offset_ms;
    for (const connection of this.#open.values()) {
      // A clock that was set back makes an expired credential valid again.
      if (!this.#isOver(connection, t)) connection.overSince = undefined;
    }
    this.pass(t, accuse);
  }

  /**
   * Advances the time to `t` and accuses every connection that is still open too long after its credential
   * expired.
   */
  pass(t: number, accuse: Accuse): void {
    for (const connection of this.#open.values()) {
      if (connection.overSince === undefined) {
        if (!this.#isOver(connection, t)) continue;
        const end = (connection.expiresAt ?? 0) - this.#wallOffset;
        connection.overSince = Math.max(end, this.#passedAt);
      }
      const { name, overSince } = connection;
      if (t - overSince <= graceMs + slackMs) continue;
      accuse(
        "G10",
        `${name} is still served ${Math.round(t - overSince)} ms after its credential expired`,
      );
      this.#open.delete(name);
    }
    this.#passedAt = t;
  }

  #passedAt = 0;

  opened({ connection, expires_at }: OpenedRecord): void {
    this.#open.set(connection, {
      name: connection,
      expiresAt: expires_at,
      overSince: undefined,
    });
  }

  renewed({ connection, expires_at }: RenewedRecord): void {
    const open = this.#open.get(connection);
    if (open === undefined) return;
    open.expiresAt = expires_at;
    open.overSince = undefined;
  }

  closed({ connection, peak_bytes }: ClosedRecord, accuse: Accuse): void {
    this.#open.delete(connection);
    if (peak_bytes > this.#maxOutbox() + batchBytes) {
      accuse("G7", `${connection} held ${peak_bytes} bytes for a slow subscriber`);
    }
  }

  baseline({ owner, connections, subscriptions, timers }: BaselineRecord, accuse: Accuse): void {
    if (connections + subscriptions + timers === 0) return;
    accuse(
      "G8",
      `${owner} still has ${connections} connections, ${subscriptions} subscriptions and ${timers} timers that it should have released`,
    );
  }

  #isOver({ expiresAt }: OpenConnection, t: number): boolean {
    return expiresAt !== undefined && t + this.#wallOffset >= expiresAt;
  }
}
