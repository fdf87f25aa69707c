import type { ChannelHistory } from "./logs.ts";
import type { DocumentRecord, FeedRecord } from "./records.ts";
import type { Accuse } from "./violation.ts";

/** Open connection to a session's feed. */
interface OpenFeed {
  readonly session: string;
  /**
   * Sequence of the last document by operation; it equals the offset of the entry that the document reflects.
   */
  readonly shown: Map<string, number>;
}

/** Status of an operation after an event; an event that is not listed leaves the status unchanged. */
const statusAfter: Readonly<Record<string, string>> = {
  created: "waiting",
  waiting: "waiting",
  started: "running",
  paused: "paused",
  resumed: "running",
  stalled: "stalled",
  done: "done",
  failed: "failed",
  cancelled: "cancelled",
  lost: "lost",
};

const endings: ReadonlySet<string> = new Set(["done", "failed", "cancelled", "lost"]);

/** Age in milliseconds up to which a change may still be on its way to a feed. */
const showMs = 5_000;

/**
 * Checks that a session's feed shows only that session's operations, never an older state after a newer one,
 * and finally the last one.
 */
export class FeedChecks {
  readonly #logs: ReadonlyMap<string, ChannelHistory>;
  readonly #sessions = new Map<string, string>();
  readonly #open = new Map<string, OpenFeed>();

  constructor(logs: ReadonlyMap<string, ChannelHistory>) {
    this.#logs = logs;
  }

  /** Records that an operation belongs to a session. */
  owned(operation: string, session: string): void {
    this.#sessions.set(operation, session);
  }

  feed({ reader, phase, session = "" }: FeedRecord): void {
    if (phase === "opened") this.#open.set(reader, { session, shown: new Map() });
    else this.#open.delete(reader);
  }

  document(
    { reader, operation, sequence, status }: DocumentRecord,
    t: number,
    accuse: Accuse,
  ): void {
    const feed = this.#open.get(reader);
    if (feed === undefined) {
      accuse("journal", `${reader} received a document of ${operation} without an open feed`);
      return;
    }
    const session = this.#sessions.get(operation);
    if (session !== feed.session) {
      accuse(
        "G10",
        `${reader} of session ${feed.session} received ${operation}, which belongs to session ${session}`,
      );
    }
    const before = feed.shown.get(operation) ?? 0;
    if (sequence < before) {
      accuse("G1", `${reader} received ${operation} at ${sequence} after ${before}`);
    }
    feed.shown.set(operation, sequence);
    const entries = this.#entries(operation);
    if (!entries.some(({ place }) => place.offset === sequence)) {
      accuse("G4", `${reader} received ${operation} at ${sequence}, which is not in its log`);
    }
    const expected = statusAt(entries, sequence);
    if (expected !== undefined && expected !== status) {
      accuse(
        "G4",
        `${reader} received ${operation} as ${status} at ${sequence}; the log says ${expected} at ${t} ms`,
      );
    }
  }

  /** Checks that every open feed has shown the last state of each operation that it has shown at all. */
  converged(t: number, accuse: Accuse): void {
    for (const [reader, { shown }] of this.#open) {
      for (const [operation, sequence] of shown) {
        const last = this.#entries(operation).findLast((entry) => entry.t <= t - showMs);
        if (last === undefined || last.place.offset <= sequence) continue;
        accuse(
          "G4",
          `${reader} was left with ${operation} at ${sequence}; the log is at ${last.place.offset}`,
        );
      }
    }
  }

  #entries(operation: string) {
    return this.#logs.get(`operation:${operation}`)?.current?.all ?? [];
  }
}

/** Returns the operation's status at an offset; undefined when the events alone do not tell it. */
function statusAt(
  entries: readonly { readonly event: string; readonly place: { readonly offset: number } }[],
  offset: number,
): string | undefined {
  let status: string | undefined;
  for (const { event, place } of entries) {
    if (place.offset > offset) break;
    // An operation that has ended continues only with a new attempt.
    if (status !== undefined && endings.has(status) && event !== "started") continue;
    if (event === "revived") status = undefined;
    else status = statusAfter[event] ?? status;
  }
  return status;
}
