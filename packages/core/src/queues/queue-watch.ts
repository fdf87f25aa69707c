import type { Clock, Queues as QueueStore, QueueTicket as StoredTicket } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import type { Principal } from "../rules/principal.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import { DueHeap, type HeapItem } from "./due-heap.ts";
import type { QueueBook } from "./queue-book.ts";
import type { NewTicket } from "./queue-signals.ts";
import { ownerOf, readTicketData, type TicketPerson } from "./ticket-owner.ts";

/** Positions up to which every change is pushed. */
const exactPositions = 10;
/** Share of its position by which a ticket must have moved to be pushed at once. */
const materialShare = 0.1;
/** Time after which any change is pushed, in milliseconds. */
const pushMs = 30_000;
/** Interval at which a watched queue is looked at although no signal about it came, in milliseconds. */
const lookMs = 1_000;
/** Time over which changes are collected before tickets are looked up, in milliseconds. */
const collectMs = 100;
/** Longest interval at which people who are here are reported to the store, in milliseconds. */
const maxTouchMs = 30_000;
const readTogether = 500;
const pushTogether = 50;

/** A ticket whose person is connected to this node. */
class Watched implements HeapItem {
  readonly id: string;
  readonly owner: string;
  readonly person: TicketPerson;
  /** Position and total that were pushed last; 0 before the first push. */
  position = 0;
  total = 0;
  pushedAt = Number.NEGATIVE_INFINITY;
  /** Time at which it was looked up last, in milliseconds of the monotonic clock. */
  lookedAt: number;
  dueAt = Number.POSITIVE_INFINITY;
  heapIndex = -1;

  constructor(id: string, person: TicketPerson, now: number) {
    this.id = id;
    this.owner = ownerOf(person);
    this.person = person;
    this.lookedAt = now;
  }
}

/** A queue with tickets of people who are connected to this node. */
class WatchedQueue extends Deadline {
  readonly name: string;
  /** Tickets by id, that with the oldest look first. */
  readonly tickets = new Map<string, Watched>();
  /** Tickets by the number of moves at which they may have moved materially. */
  readonly byMoves = new DueHeap<Watched>();
  readonly touchMs: number;
  /** Number of changes of the queue that this node has heard of. */
  moves = 0;
  touchedAt = Number.NEGATIVE_INFINITY;
  isLooking = false;
  readonly #look: (queue: WatchedQueue) => void;

  constructor(name: string, touchMs: number, look: (queue: WatchedQueue) => void) {
    super();
    this.name = name;
    this.touchMs = touchMs;
    this.#look = look;
  }

  override onDue(): void {
    this.#look(this);
  }
}

/** Next attempt to look up the tickets of people whose look-up has failed. */
class Retry extends Deadline {
  override readonly onDue: () => void;

  constructor(onDue: () => void) {
    super();
    this.onDue = onDue;
  }
}

/** Parts of the node that a {@link QueueWatch} uses. */
export interface QueueWatchContext {
  readonly store: QueueStore;
  readonly book: QueueBook;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** True if the person has a connection to this node. */
  readonly isConnected: (person: TicketPerson) => boolean;
  /** Principals of the connections to this node. */
  readonly connected: () => Iterable<Principal | undefined>;
  /** Publishes a ticket for its person. */
  readonly push: (queue: string, ticket: StoredTicket) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/**
 * Tickets of the people who are connected to this node: it reports to the store that they are here, and pushes their positions
 * when these have changed materially.
 *
 * A change of the queue costs no look at the line. A ticket at position p is looked up after a tenth of p changes, in batches, or
 * after 30 s; one of the first ten after every change. So a claim costs the look-ups of a few tens of tickets, however many wait.
 */
export class QueueWatch {
  readonly #context: QueueWatchContext;
  readonly #queues = new Map<string, WatchedQueue>();
  /** Watched tickets by owner, each with its queue. */
  readonly #byOwner = new Map<string, Map<string, WatchedQueue>>();
  /** Queues that may have live tickets. */
  #live: readonly string[] = [];
  /** Queues of which this node has heard, so that it knows the tickets of those who are connected. */
  #heardOf = new Set<string>();
  readonly #entered = new Map<string, TicketPerson>();
  readonly #left = new Map<string, TicketPerson>();
  readonly #retry = new Retry(() => this.#settleSoon());
  #isSettling = false;

  constructor(context: QueueWatchContext) {
    this.#context = context;
  }

  /** Number of tickets that are watched. */
  get size(): number {
    let size = 0;
    for (const { tickets } of this.#queues.values()) size += tickets.size;
    return size;
  }

  /**
   * Sets the queues that may have live tickets. In one that this node has not heard of, it looks for the tickets of everybody
   * who is connected: they may have connected before the node knew the queue, or the news of a join may have been lost.
   */
  setLive(names: readonly string[]): void {
    const fresh = names.filter((name) => !this.#heardOf.has(name));
    this.#live = names;
    this.#heardOf = new Set(names);
    if (fresh.length > 0) void this.#searchAll(fresh).catch(this.#context.onError);
  }

  /** Looks for the tickets of a person who has connected. */
  enter(principal: Principal | undefined): void {
    if (this.#live.length === 0) return;
    for (const person of peopleOf(principal)) this.#entered.set(ownerOf(person), person);
    this.#settleSoon();
  }

  /** Reports that a connection of a person has ended. */
  leave(principal: Principal | undefined): void {
    if (this.#byOwner.size === 0) return;
    for (const person of peopleOf(principal)) {
      if (this.#byOwner.has(ownerOf(person))) this.#left.set(ownerOf(person), person);
    }
    this.#settleSoon();
  }

  /** Takes a change of a queue: how many tickets may have moved, and those that have joined. */
  changed(name: string, moves: number, joined: readonly NewTicket[]): void {
    if (!this.#live.includes(name)) this.#live = [...this.#live, name];
    this.#heardOf.add(name);
    for (const { id, person } of joined) {
      if (this.#context.isConnected(person)) this.#watch(name, id, person);
    }
    const queue = this.#queues.get(name);
    if (queue === undefined) return;
    queue.moves += moves;
    this.#lookSoon(queue, collectMs);
  }

  /** Takes a ticket that its person has just looked at, with its place. */
  seen(name: string, ticket: StoredTicket): void {
    const person = readTicketData(ticket.data);
    const isLive = ticket.state === "waiting" || ticket.state === "running";
    if (!isLive || !this.#context.isConnected(person)) return;
    const watched = this.#watch(name, ticket.id, person);
    const queue = this.#queues.get(name);
    if (queue !== undefined) this.#noteTold(queue, watched, ticket);
  }

  /** Reports all people again and looks for their tickets, after the store was away from this node. */
  async restored(): Promise<void> {
    for (const queue of this.#queues.values()) {
      await this.#context.store.suspend(queue.name).catch(this.#context.onError);
      queue.touchedAt = Number.NEGATIVE_INFINITY;
      this.#lookSoon(queue, 0);
    }
    await this.#searchAll(this.#live);
  }

  close(): void {
    this.#entered.clear();
    this.#context.wheel.clear(this.#retry);
    for (const queue of this.#queues.values()) this.#context.wheel.clear(queue);
    this.#queues.clear();
    this.#byOwner.clear();
  }

  #watch(name: string, id: string, person: TicketPerson): Watched {
    const { book, clock } = this.#context;
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      const touchMs = Math.min(maxTouchMs, book.of(name).graceMs / 3);
      queue = new WatchedQueue(name, touchMs, (one) => void this.#look(one));
      this.#queues.set(name, queue);
    }
    const known = queue.tickets.get(id);
    if (known !== undefined) return known;
    const watched = new Watched(id, person, clock.monotonic());
    queue.tickets.set(id, watched);
    queue.byMoves.set(watched, queue.moves + 1);
    const ofOwner = this.#byOwner.get(watched.owner) ?? new Map<string, WatchedQueue>();
    ofOwner.set(id, queue);
    this.#byOwner.set(watched.owner, ofOwner);
    void this.#context.store.markSeen(name, [id], this.#seenMs(queue)).catch(this.#context.onError);
    this.#lookSoon(queue, collectMs);
    return watched;
  }

  #unwatch(queue: WatchedQueue, watched: Watched): void {
    queue.tickets.delete(watched.id);
    queue.byMoves.delete(watched);
    const ofOwner = this.#byOwner.get(watched.owner);
    ofOwner?.delete(watched.id);
    if (ofOwner?.size === 0) this.#byOwner.delete(watched.owner);
    if (queue.tickets.size > 0) return;
    this.#queues.delete(queue.name);
    this.#context.wheel.clear(queue);
  }

  /** Time for which a report that a person is here holds, in milliseconds: until the next report, and a half more. */
  #seenMs({ touchMs }: WatchedQueue): number {
    return Math.max(Math.ceil(touchMs * 1.5), 2 * lookMs);
  }

  #settleSoon(): void {
    if (this.#isSettling || this.#entered.size + this.#left.size === 0) return;
    this.#isSettling = true;
    this.#context.clock.soon(() => {
      this.#isSettling = false;
      void this.#settle().catch(this.#context.onError);
    });
  }

  async #settle(): Promise<void> {
    const { store, isConnected } = this.#context;
    const left = [...this.#left.values()];
    const entered = [...this.#entered.values()];
    this.#left.clear();
    this.#entered.clear();
    const gone = new Map<string, string[]>();
    for (const person of left) {
      if (isConnected(person)) continue;
      for (const [id, queue] of this.#byOwner.get(ownerOf(person)) ?? []) {
        gone.set(queue.name, [...(gone.get(queue.name) ?? []), id]);
        const watched = queue.tickets.get(id);
        if (watched !== undefined) this.#unwatch(queue, watched);
      }
    }
    const reports = [...gone].map(([name, ids]) =>
      inBatches(ids, (some) => store.markGone(name, some)),
    );
    await Promise.all([...reports, this.#search(this.#live, entered)]);
  }

  async #searchAll(names: readonly string[]): Promise<void> {
    const people = new Map<string, TicketPerson>();
    for (const principal of this.#context.connected()) {
      for (const person of peopleOf(principal)) people.set(ownerOf(person), person);
    }
    await this.#search(names, [...people.values()]);
  }

  /** Looks for the tickets of people in queues, with a bounded number of look-ups at a time. */
  async #search(names: readonly string[], people: readonly TicketPerson[]): Promise<void> {
    for (let i = 0; i < people.length; i += readTogether) {
      const some = people.slice(i, i + readTogether);
      const width = Math.floor(readTogether / some.length);
      for (let n = 0; n < names.length; n += width) {
        const finds = names
          .slice(n, n + width)
          .flatMap((name) => some.map((person) => this.#find(name, person)));
        await Promise.all(finds);
      }
    }
  }

  async #find(name: string, person: TicketPerson): Promise<void> {
    const { store, wheel, isConnected, onError } = this.#context;
    const owner = ownerOf(person);
    // The next attempt looks in every queue.
    if (!isConnected(person) || this.#entered.has(owner)) return;
    const ticket = await store.find(name, owner).catch((error: unknown) => {
      if (isForNoQueue(error)) return undefined;
      if (!this.#entered.has(owner)) onError(error);
      // Without the look-up the person would count as gone, so it is repeated.
      this.#entered.set(owner, person);
      if (this.#retry.dueAt === undefined) wheel.set(this.#retry, lookMs);
      return undefined;
    });
    if (ticket === undefined || !isConnected(person)) return;
    const watched = this.#watch(name, ticket.id, person);
    const queue = this.#queues.get(name);
    // The person may not know yet that a service has joined for it.
    if (queue !== undefined && watched.position === 0) queue.byMoves.set(watched, queue.moves);
  }

  #lookSoon(queue: WatchedQueue, delayMs: number): void {
    const { wheel, clock } = this.#context;
    const dueAt = clock.monotonic() + delayMs;
    if (queue.isLooking || (queue.dueAt !== undefined && queue.dueAt <= dueAt)) return;
    wheel.set(queue, delayMs);
  }

  async #look(queue: WatchedQueue): Promise<void> {
    queue.isLooking = true;
    const { moves } = queue;
    try {
      await this.#touch(queue);
      await this.#pushDue(queue);
    } catch (error) {
      this.#context.onError(error);
    }
    queue.isLooking = false;
    if (this.#queues.get(queue.name) !== queue) return;
    this.#lookSoon(queue, queue.moves === moves ? lookMs : collectMs);
  }

  async #touch(queue: WatchedQueue): Promise<void> {
    const { store, clock } = this.#context;
    const now = clock.monotonic();
    if (now - queue.touchedAt < queue.touchMs) return;
    await inBatches([...queue.tickets.keys()], (ids) =>
      store.markSeen(queue.name, ids, this.#seenMs(queue)),
    );
    queue.touchedAt = now;
  }

  async #pushDue(queue: WatchedQueue): Promise<void> {
    const { store, clock } = this.#context;
    const now = clock.monotonic();
    const due: Watched[] = [];
    for (;;) {
      const next = queue.byMoves.takeDue(queue.moves);
      if (next === undefined) break;
      due.push(next);
    }
    for (const watched of queue.tickets.values()) {
      if (now - watched.lookedAt < pushMs) break;
      due.push(watched);
    }
    const unique = [...new Set(due)];
    const open = new Set(unique);
    try {
      for (let i = 0; i < unique.length; i += readTogether) {
        const some = unique.slice(i, i + readTogether);
        const ids = some.map(({ id }) => id);
        const { moves } = queue;
        const found = await store.get(queue.name, ids);
        const material = some.flatMap((watched, n) => {
          const ticket = this.#weigh(queue, watched, found[n], moves);
          if (ticket === undefined) open.delete(watched);
          return ticket === undefined ? [] : [{ watched, ticket }];
        });
        for (let p = 0; p < material.length; p += pushTogether) {
          const pushes = material.slice(p, p + pushTogether).map(async ({ watched, ticket }) => {
            await this.#context.push(queue.name, ticket);
            open.delete(watched);
            this.#noteTold(queue, watched, ticket, moves);
          });
          for (const pushed of await Promise.allSettled(pushes)) {
            if (pushed.status === "rejected") this.#context.onError(pushed.reason);
          }
        }
      }
    } finally {
      // Those whom nobody could tell are due still: they are looked up again with the next change or the next look.
      for (const watched of open) {
        if (queue.tickets.get(watched.id) === watched) queue.byMoves.set(watched, queue.moves);
      }
    }
  }

  /** Returns the ticket if it has moved materially since it was last pushed. */
  #weigh(
    queue: WatchedQueue,
    watched: Watched,
    ticket: StoredTicket | undefined,
    moves: number,
  ): StoredTicket | undefined {
    if (queue.tickets.get(watched.id) !== watched) return undefined;
    const isOver =
      ticket === undefined || (ticket.state !== "waiting" && ticket.state !== "running");
    if (isOver) {
      this.#unwatch(queue, watched);
      return undefined;
    }
    const now = this.#context.clock.monotonic();
    const { position = 0, total = 0 } = ticket.place ?? {};
    const moved = Math.abs(position - watched.position);
    const isNear = Math.min(position, watched.position) <= exactPositions;
    const isMaterial = isNear
      ? moved > 0
      : moved >= watched.position * materialShare ||
        (now - watched.pushedAt >= pushMs && (moved > 0 || total !== watched.total));
    if (isMaterial && ticket.place !== undefined) return ticket;
    this.#wait(queue, watched, position, moves);
    return undefined;
  }

  /** Records that the person of a ticket knows its place, as it was after this number of moves. */
  #noteTold(
    queue: WatchedQueue,
    watched: Watched,
    { place }: StoredTicket,
    moves = queue.moves,
  ): void {
    if (queue.tickets.get(watched.id) !== watched) return;
    const { position = 0, total = 0 } = place ?? {};
    watched.position = position;
    watched.total = total;
    watched.pushedAt = this.#context.clock.monotonic();
    this.#wait(queue, watched, position, moves);
  }

  /** Makes a ticket due when enough has changed that it may have moved materially. */
  #wait(queue: WatchedQueue, watched: Watched, position: number, moves: number): void {
    watched.lookedAt = this.#context.clock.monotonic();
    queue.tickets.delete(watched.id);
    queue.tickets.set(watched.id, watched);
    const toMove =
      Math.ceil(watched.position * materialShare) - Math.abs(position - watched.position);
    const untilNear = position - exactPositions;
    queue.byMoves.set(watched, moves + Math.max(1, Math.min(toMove, untilNear)));
  }
}

/** True if the store says that it does not know the queue, or keeps none. */
function isForNoQueue(error: unknown): boolean {
  return (
    error instanceof MilepostError && (error.code === "not_found" || error.code === "not_supported")
  );
}

/** Returns the people as whom a principal may have tickets. */
function peopleOf(principal: Principal | undefined): readonly TicketPerson[] {
  if (principal?.kind !== "user") return [];
  const { user, session, guest } = principal;
  return [
    ...(user === undefined ? [] : [{ user }]),
    ...(session === undefined ? [] : [{ session }]),
    ...(guest === undefined ? [] : [{ guest }]),
  ];
}

async function inBatches(
  ids: readonly string[],
  call: (some: readonly string[]) => Promise<unknown>,
): Promise<void> {
  for (let i = 0; i < ids.length; i += readTogether) await call(ids.slice(i, i + readTogether));
}
