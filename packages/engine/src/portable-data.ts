import type { Position, Publication } from "@milepost/protocol";
import type { InboxContents } from "./memory/memory-inbox-list.ts";
import type { KeptQueue, KeptTicket } from "./memory/memory-queue.ts";
import type { DeadLetter } from "./ports/dead-letter-store.ts";
import type { DurableState, SubscriberKey } from "./ports/durable-subscribers.ts";
import type { KindDurations } from "./ports/durations.ts";
import type { Holding } from "./ports/holdings.ts";
import type { InboxOwner, Seen } from "./ports/inbox.ts";
import type { Lease } from "./ports/leases.ts";
import type { IndexedOperation } from "./ports/operation-index.ts";
import type { StoredQuestion } from "./ports/questions.ts";
import type { QueueHour, QueueWorker } from "./ports/queues.ts";
import type { Revocation } from "./ports/revocations.ts";
import type { Target } from "./ports/targets.ts";

/** Something that ends by itself, with the time that is left to it, in milliseconds. */
export type Timed<T> = T & { readonly leftMs: number };

/** Log of one channel, with everything that a reader or a publisher could notice. */
export interface PortableLog {
  readonly channel: string;
  readonly head: Position;
  readonly floor: Position;
  /** Time until the log disappears if nobody uses it, and for which it remembers keys, in milliseconds; 0 for none. */
  readonly leftMs: number;
  readonly keysLeftMs: number;
  /** Entry that ended the log. */
  readonly end?: Publication;
  /** Folded state with the offset that it belongs to, as JSON; absent where nothing is folded. */
  readonly state?: { readonly projection: string; readonly offset: number; readonly json: string };
  /** Number of the latest id that has an owner. */
  readonly ids: number;
  /** Returns the kept entries after the floor in order, without the tags of the entries before them. */
  entries(): Iterable<Publication>;
  /** Returns the keys that are remembered. A name is the length of the publisher, a colon, the publisher and the key. */
  keys(): Iterable<
    Timed<{
      readonly name: string;
      readonly offset: number;
      readonly tag: string;
      readonly event: string;
      readonly ts: number;
    }>
  >;
  /** Returns the owners of ids. */
  owners(): Iterable<{ readonly id: string; readonly owner: string; readonly number: number }>;
}

/** Queue with everything in it. Its times are by the clock of the store. */
export interface PortableQueue {
  readonly name: string;
  readonly kept: KeptQueue;
  readonly tickets: readonly KeptTicket[];
  readonly workers: readonly QueueWorker[];
  readonly hours: readonly QueueHour[];
}

/** Inbox of one owner. */
export interface PortableInbox {
  readonly owner: InboxOwner;
  readonly contents: InboxContents;
}

/**
 * Everything that a store keeps, to be written into another store. Each part is read when it is asked for. What has ended is
 * left out.
 */
export interface PortableData {
  /** Identity of the data: the same for every reading of a store that no gateway has used in between. */
  readonly id: string;
  /** Time of the store, in milliseconds since 1970. */
  readonly now: number;
  logs(): Iterable<PortableLog>;
  leases(): Iterable<Timed<Lease & { readonly endsInMs: number; readonly isReleased: boolean }>>;
  records(): Iterable<
    Timed<{ readonly space: string; readonly name: string; readonly value: string }>
  >;
  usedNames(): Iterable<Timed<{ readonly space: string; readonly name: string }>>;
  holdings(): Iterable<{ readonly owner: string } & Pick<Holding, "item" | "bytes" | "keepMs">>;
  targets(): Iterable<Timed<Target & { readonly owner: string }>>;
  /** Returns the revocations in the order in which they were added. */
  revocations(): Iterable<Timed<Revocation>>;
  /** Returns what was learned of each kind, that with the oldest case first. */
  durations(): Iterable<Timed<KindDurations>>;
  deadLetters(): Iterable<Timed<DeadLetter & { readonly number: number; readonly length: number }>>;
  /** Number of dead letters that were dropped so far. */
  readonly droppedDeadLetters: number;
  deliveries(): Iterable<{
    readonly id: string;
    readonly content: string;
    readonly dueInMs: number;
    readonly attempts: number;
  }>;
  finishedDeliveries(): Iterable<Timed<{ readonly id: string }>>;
  subscribers(): Iterable<
    Timed<{ readonly key: SubscriberKey; readonly fence: number; readonly state: DurableState }>
  >;
  operations(): Iterable<
    Timed<{ readonly operation: IndexedOperation; readonly dueInMs?: number }>
  >;
  /** Returns the questions in the order in which they were asked. */
  questions(): Iterable<
    Timed<{ readonly question: StoredQuestion; readonly key?: string; readonly dueInMs?: number }>
  >;
  inboxes(): Iterable<PortableInbox>;
  roles(): Iterable<Timed<{ readonly owner: InboxOwner; readonly roles: readonly string[] }>>;
  members(): Iterable<Timed<{ readonly owner: InboxOwner; readonly member: InboxOwner }>>;
  seen(): Iterable<Timed<{ readonly owner: InboxOwner; readonly seen: Seen }>>;
  queues(): Iterable<PortableQueue>;
}
