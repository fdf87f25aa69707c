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
  /** Since when, in the journal's time, the credential is over. */
  overSince: number | undefined;
}

/** A deadline may run this much late: timers are kept to 50 ms. */
const slackMs = 100;
const graceMs = 5_000;
/** What the transport may hold when the last write comes, and one batch, come on top of what may wait. */
const batchBytes = 512 * 1_024;

/** Sockets end with their credential and hold a bounded amount; nothing is left when all is over. */
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
      // A clock that was set back makes a credential good again.
      if (!this.#isOver(connection, t)) connection.overSince = undefined;
    }
    this.pass(t, accuse);
  }

  /** Time has come to `t`: whose credential is over too long must be closed by now. */
  pass(t: number, accuse: Accuse): void {
    for (const connection of this.#open.values()) {
      if (connection.overSince === undefined) {
        if (!this.#isOver(connection, t)) continue;
        const end = (connection.expiresAt ?? 0) - this.#wallOffset;
        connection.overSince = Math.max(end, this.#passedAt);
      }
      const { name, overSince } = connection;
      if (t - overSince <= graceMs + slackMs) continue;
      accuse("G10", `${name} is served ${Math.round(t - overSince)} ms after its credential`);
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
      accuse("G7", `${connection} held ${peak_bytes} bytes for a slow reader`);
    }
  }

  baseline({ owner, connections, subscriptions, timers }: BaselineRecord, accuse: Accuse): void {
    if (connections + subscriptions + timers === 0) return;
    accuse(
      "G8",
      `${owner} is left with ${connections} connections, ${subscriptions} subscriptions and ${timers} timers too many`,
    );
  }

  #isOver({ expiresAt }: OpenConnection, t: number): boolean {
    return expiresAt !== undefined && t + this.#wallOffset >= expiresAt;
  }
}
