import type { ChannelHistory } from "./logs.ts";
import type { DocumentRecord, FeedRecord } from "./records.ts";
import type { Accuse } from "./violation.ts";

/** One attachment to a session's feed. */
interface OpenFeed {
  readonly session: string;
  /** By operation: the sequence of the last document, which is the offset it stands for. */
  readonly shown: Map<string, number>;
}

/** What the status is after an event; those that are not here leave it. */
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

/** A change that is younger may still be on its way. */
const showMs = 5_000;

/** A session's feed shows that session's operations alone, never an older state after a newer, and at last the last. */
export class FeedChecks {
  readonly #logs: ReadonlyMap<string, ChannelHistory>;
  readonly #sessions = new Map<string, string>();
  readonly #open = new Map<string, OpenFeed>();

  constructor(logs: ReadonlyMap<string, ChannelHistory>) {
    this.#logs = logs;
  }

  /** An operation is of a session. */
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
      accuse("journal", `${reader} is shown ${operation} and has no feed`);
      return;
    }
    const session = this.#sessions.get(operation);
    if (session !== feed.session) {
      accuse("G10", `${reader} of ${feed.session} is shown ${operation} of ${session}`);
    }
    const before = feed.shown.get(operation) ?? 0;
    if (sequence < before) {
      accuse("G1", `${reader} is shown ${operation} at ${sequence} after ${before}`);
    }
    feed.shown.set(operation, sequence);
    const entries = this.#entries(operation);
    if (!entries.some(({ place }) => place.offset === sequence)) {
      accuse("G4", `${reader} is shown ${operation} at ${sequence}, which never was`);
    }
    const expected = statusAt(entries, sequence);
    if (expected !== undefined && expected !== status) {
      accuse(
        "G4",
        `${reader} is shown ${operation} as ${status} at ${sequence}: ${expected} by ${t}`,
      );
    }
  }

  /** Everybody must have been shown the last of what they were shown at all. */
  converged(t: number, accuse: Accuse): void {
    for (const [reader, { shown }] of this.#open) {
      for (const [operation, sequence] of shown) {
        const last = this.#entries(operation).findLast((entry) => entry.t <= t - showMs);
        if (last === undefined || last.place.offset <= sequence) continue;
        accuse("G4", `${reader} is left with ${operation} at ${sequence} of ${last.place.offset}`);
      }
    }
  }

  #entries(operation: string) {
    return this.#logs.get(`operation:${operation}`)?.current?.all ?? [];
  }
}

/** Undefined where the events alone do not say. */
function statusAt(
  entries: readonly { readonly event: string; readonly place: { readonly offset: number } }[],
  offset: number,
): string | undefined {
  let status: string | undefined;
  for (const { event, place } of entries) {
    if (place.offset > offset) break;
    // What has ended goes on with a new attempt alone.
    if (status !== undefined && endings.has(status) && event !== "started") continue;
    if (event === "revived") status = undefined;
    else status = statusAfter[event] ?? status;
  }
  return status;
}
