import {
  type ClaimRequest,
  type ClaimResult,
  endedTicketMs,
  type FailOptions,
  type HeldResult,
  type JoinRequest,
  type JoinResult,
  leftTicketMs,
  maxQueueLanes,
  type QueueState,
  type QueueTicket,
  queueOutageMs,
  queueRecoveryMs,
  type SweepResult,
  type TicketState,
} from "../ports/queues.ts";
import {
  capacityAt,
  defaultLane,
  type FullQueueSettings,
  noLane,
  queueFull,
  ticketExists,
  tooManyDraining,
} from "../queue-bounds.ts";
import { QueueCounters } from "./queue-counters.ts";
import { type KeptLanes, QueueLanes } from "./queue-lanes.ts";
import { QueueWorkers } from "./queue-workers.ts";
import { RankedSet } from "./ranked-set.ts";

/** Ticket as a queue keeps it. All times are by the clock of the store. */
export interface KeptTicket {
  readonly id: string;
  readonly owner: string;
  readonly lane: string;
  readonly number: number;
  readonly data: string | undefined;
  readonly key: string | undefined;
  readonly joinedAt: number;
  state: TicketState;
  claims: number;
  firstFence: number;
  fence: number;
  worker: string | undefined;
  claimKey: string | undefined;
  claimedAt: number;
  leaseEndsAt: number;
  /** Time at which a ticket that has ended is forgotten. */
  forgetAt: number;
  endedAt: number;
  reason: string | undefined;
  /** Time from which its person counts as gone; undefined until the person was first seen. */
  goneAt: number | undefined;
  estimate: { readonly p50At: number; readonly p90At: number } | undefined;
}

/** State of a queue without its tickets, workers and counters. */
export interface KeptQueue {
  readonly settings: FullQueueSettings;
  readonly lanes: KeptLanes;
  readonly number: number;
  readonly fence: number;
  readonly touchedAt: number;
  readonly suspendedUntil: number;
  readonly leasesKeptUntil: number;
}

/** Hears what changes in a queue, to keep it where it outlives the process. */
export interface QueueKeeper {
  /** The state without its tickets has changed. */
  changed(queue: MemoryQueue): void;
  ticket(queue: MemoryQueue, ticket: KeptTicket): void;
  forgotten(queue: MemoryQueue, id: string): void;
  /** A worker has given a sign of life, or has ended. */
  worker(queue: MemoryQueue, name: string): void;
}

/** One queue of {@link MemoryQueues}. `now` is always the time of the store. */
export class MemoryQueue {
  readonly #name: string;
  settings: FullQueueSettings;
  readonly counters = new QueueCounters();
  readonly workers: QueueWorkers;
  readonly #lanes = new QueueLanes();
  readonly #tickets = new Map<string, KeptTicket>();
  /** Tickets that wait or run, by owner. */
  readonly #owners = new Map<string, KeptTicket>();
  /** Tickets by owner and idempotency key. */
  readonly #keys = new Map<string, KeptTicket>();
  /** Running tickets by worker and key of the claim. */
  readonly #claims = new Map<string, KeptTicket>();
  /** Running tickets by the end of their lease. */
  readonly #leases = new RankedSet();
  /** Waiting tickets by the time from which their person counts as gone. */
  readonly #leaving = new RankedSet();
  /** Tickets that have ended, by the time at which they are forgotten. */
  readonly #ended = new RankedSet();
  #number = 0;
  #fence = 0;
  #touchedAt: number;
  #suspendedUntil = 0;
  #leasesKeptUntil = 0;

  readonly #keeper: QueueKeeper | undefined;

  constructor(name: string, settings: FullQueueSettings, now: number, keeper?: QueueKeeper) {
    this.#name = name;
    this.#keeper = keeper;
    this.workers = new QueueWorkers(keeper && ((worker) => keeper.worker(this, worker)));
    this.settings = settings;
    this.#touchedAt = now;
    this.#lanes.configure(settings.lanes);
  }

  get name(): string {
    return this.#name;
  }

  /** State without the tickets, as {@link restore} takes it. */
  get kept(): KeptQueue {
    return {
      settings: this.settings,
      lanes: this.#lanes.kept,
      number: this.#number,
      fence: this.#fence,
      touchedAt: this.#touchedAt,
      suspendedUntil: this.#suspendedUntil,
      leasesKeptUntil: this.#leasesKeptUntil,
    };
  }

  /** Takes over what another queue had. */
  restore(kept: KeptQueue, tickets: Iterable<KeptTicket>): void {
    this.settings = kept.settings;
    this.#lanes.restore(kept.lanes);
    this.#number = kept.number;
    this.#fence = kept.fence;
    this.#touchedAt = kept.touchedAt;
    this.#suspendedUntil = kept.suspendedUntil;
    this.#leasesKeptUntil = kept.leasesKeptUntil;
    for (const ticket of tickets) this.#restoreTicket(ticket);
  }

  get isUsed(): boolean {
    return this.#owners.size > 0;
  }

  get touchedAt(): number {
    return this.#touchedAt;
  }

  configure(settings: FullQueueSettings, now: number): void {
    this.touch(now);
    if (this.#lanes.drainingWith(settings.lanes) > maxQueueLanes) tooManyDraining(this.#name);
    this.settings = settings;
    this.#lanes.configure(settings.lanes);
  }

  state(now: number): QueueState {
    const workers = this.workers.list(now).length;
    return {
      settings: this.settings,
      waiting: this.#lanes.waiting,
      running: this.#leases.size,
      capacity: this.#capacity(now),
      lanes: this.#lanes.list(),
      workers,
      slots: this.workers.slots(now),
      ...(this.#suspendedUntil > now ? { suspendedUntil: this.#suspendedUntil } : {}),
    };
  }

  /** Notices an outage: a time in which nobody could reach the queue. */
  touch(now: number): void {
    if (now - this.#touchedAt > queueOutageMs) {
      this.suspend(now);
      this.#leasesKeptUntil = now + queueRecoveryMs;
    }
    this.#touchedAt = now;
    this.#keeper?.changed(this);
    this.#forgetEnded(now);
  }

  suspend(now: number): void {
    this.#suspendedUntil = Math.max(this.#suspendedUntil, now + this.settings.graceMs);
    this.#keeper?.changed(this);
  }

  join({ id, owner, lane, data, key }: JoinRequest, now: number): JoinResult {
    this.touch(now);
    const known =
      this.#owners.get(owner) ?? (key === undefined ? undefined : this.#keys.get(pair(owner, key)));
    if (known !== undefined) return { ticket: this.#shown(known), isNew: false };
    const sameId = this.#tickets.get(id);
    if (sameId !== undefined) {
      if (sameId.owner !== owner) ticketExists(id);
      return { ticket: this.#shown(sameId), isNew: false };
    }
    const { lanes, maxWaiting } = this.settings;
    const joined = lane ?? defaultLane(lanes);
    if (!Object.hasOwn(lanes, joined)) noLane(joined, lanes);
    if (this.#lanes.waiting >= maxWaiting) queueFull(this.#name, maxWaiting);
    const ticket: KeptTicket = {
      id,
      owner,
      lane: joined,
      number: ++this.#number,
      data,
      key,
      joinedAt: now,
      state: "waiting",
      claims: 0,
      firstFence: 0,
      fence: 0,
      worker: undefined,
      claimKey: undefined,
      claimedAt: 0,
      leaseEndsAt: 0,
      forgetAt: 0,
      endedAt: 0,
      reason: undefined,
      goneAt: undefined,
      estimate: undefined,
    };
    this.#tickets.set(id, ticket);
    this.#owners.set(owner, ticket);
    if (key !== undefined) this.#keys.set(pair(owner, key), ticket);
    this.#lanes.add(ticket);
    this.counters.count(now, joined, "joined");
    this.#keeper?.ticket(this, ticket);
    return { ticket: this.#shown(ticket), isNew: true };
  }

  get(id: string): QueueTicket | undefined {
    const ticket = this.#tickets.get(id);
    return ticket === undefined ? undefined : this.#shown(ticket);
  }

  find(owner: string): QueueTicket | undefined {
    const ticket = this.#owners.get(owner);
    return ticket === undefined ? undefined : this.#shown(ticket);
  }

  head(limit: number): QueueTicket[] {
    return this.#shownAll(this.#lanes.head(limit));
  }

  running(limit: number): QueueTicket[] {
    const ids: string[] = [];
    for (let rank = 0; rank < Math.min(limit, this.#leases.size); rank++) {
      ids.push(this.#leases.at(rank) ?? "");
    }
    return this.#shownAll(ids);
  }

  leave(id: string, now: number): QueueTicket | undefined {
    this.touch(now);
    const ticket = this.#tickets.get(id);
    if (ticket === undefined) return undefined;
    if (ticket.state === "waiting") this.#endWaiting(ticket, "left", now);
    return this.#shown(ticket);
  }

  claim({ worker, leaseMs, slots, key }: ClaimRequest, now: number): ClaimResult {
    this.touch(now);
    const lease = leaseMs ?? this.settings.leaseMs;
    this.workers.beat(worker, now, now + lease, slots);
    const claimKey = key === undefined ? undefined : pair(worker, key);
    const repeated = claimKey === undefined ? undefined : this.#claims.get(claimKey);
    if (repeated !== undefined) {
      return { status: "claimed", ticket: this.#shown(repeated), isRepeat: true };
    }
    const capacity = this.#capacity(now);
    const running = this.#leases.size;
    if (running >= capacity) return { status: "full", running, capacity };
    const ticket = this.#tickets.get(this.#lanes.next() ?? "");
    if (ticket === undefined) return { status: "empty" };
    this.#fence = Math.max(this.#fence + 1, now);
    this.#stopLeaving(ticket);
    this.#lanes.take(ticket);
    if (ticket.firstFence === 0) this.#countWait(ticket, now);
    ticket.state = "running";
    ticket.claims++;
    ticket.fence = this.#fence;
    if (ticket.firstFence === 0) ticket.firstFence = this.#fence;
    ticket.worker = worker;
    ticket.claimedAt = now;
    ticket.claimKey = claimKey;
    ticket.reason = undefined;
    if (claimKey !== undefined) this.#claims.set(claimKey, ticket);
    this.#lease(ticket, now + lease);
    return { status: "claimed", ticket: this.#shown(ticket), isRepeat: false };
  }

  extend(id: string, fence: number, leaseMs: number | undefined, now: number): HeldResult {
    this.touch(now);
    const ticket = this.#tickets.get(id);
    if (ticket === undefined) return { status: "unknown" };
    if (!holds(ticket, fence)) return { status: "stale", ticket: this.#shown(ticket) };
    const endsAt = now + (leaseMs ?? this.settings.leaseMs);
    this.#leases.remove(ticket.leaseEndsAt, ticket.number);
    this.#lease(ticket, endsAt);
    if (ticket.worker !== undefined) this.workers.beat(ticket.worker, now, endsAt, undefined);
    return { status: "held", ticket: this.#shown(ticket), isRepeat: false };
  }

  finish(id: string, fence: number, now: number): HeldResult {
    this.touch(now);
    const ticket = this.#tickets.get(id);
    if (ticket === undefined) return { status: "unknown" };
    if (!holds(ticket, fence)) return repeatOrStale(this.#shown(ticket), fence, ["finished"]);
    this.counters.countService(now, ticket.lane, now - ticket.claimedAt);
    this.#stopRunning(ticket);
    this.#end(ticket, "finished", now, undefined);
    return { status: "held", ticket: this.#shown(ticket), isRepeat: false };
  }

  fail(
    id: string,
    fence: number,
    { giveBack = false, unserved = false, reason = "failed" }: FailOptions,
    now: number,
  ): HeldResult {
    this.touch(now);
    const ticket = this.#tickets.get(id);
    if (ticket === undefined) return { status: "unknown" };
    if (!holds(ticket, fence)) {
      const states: TicketState[] = giveBack ? ["waiting", "failed"] : ["failed"];
      return repeatOrStale(this.#shown(ticket), fence, states);
    }
    if (giveBack && unserved) ticket.claims--;
    if (giveBack) this.#giveBack(ticket, reason, now);
    else this.#fail(ticket, reason, now);
    return { status: "held", ticket: this.#shown(ticket), isRepeat: false };
  }

  mark(ids: readonly string[], goneAt: number, isSeen: boolean, now: number): number {
    this.touch(now);
    let live = 0;
    for (const id of ids) {
      const ticket = this.#tickets.get(id);
      if (ticket === undefined || (ticket.state !== "waiting" && ticket.state !== "running"))
        continue;
      live++;
      if (!isSeen && ticket.goneAt === undefined) continue;
      const before = ticket.goneAt ?? goneAt;
      this.#stopLeaving(ticket);
      ticket.goneAt = isSeen ? goneAt : Math.min(before, goneAt);
      this.#startLeaving(ticket);
      this.#keeper?.ticket(this, ticket);
    }
    return live;
  }

  sweep(limit: number, now: number): SweepResult {
    this.touch(now);
    const swept = {
      returned: [] as KeptTicket[],
      failed: [] as KeptTicket[],
      gone: [] as KeptTicket[],
    };
    const mayReturn = now >= this.#leasesKeptUntil;
    for (let n = 0; n < limit && mayReturn; n++) {
      const ticket = this.#due(this.#leases, now);
      if (ticket === undefined) break;
      this.#giveBack(ticket, "lease", now);
      (ticket.state === "failed" ? swept.failed : swept.returned).push(ticket);
    }
    const mayLeave = now >= this.#suspendedUntil;
    for (let n = 0; n < limit && mayLeave; n++) {
      const ticket = this.#due(this.#leaving, now);
      if (ticket === undefined) break;
      this.#endWaiting(ticket, "gone", now);
      swept.gone.push(ticket);
    }
    const shown = (tickets: readonly KeptTicket[]) => tickets.map((ticket) => this.#shown(ticket));
    return {
      returned: shown(swept.returned),
      failed: shown(swept.failed),
      gone: shown(swept.gone),
      hasMore:
        (mayReturn && this.#due(this.#leases, now) !== undefined) ||
        (mayLeave && this.#due(this.#leaving, now) !== undefined),
    };
  }

  noteEstimate(id: string, p50At: number, p90At: number): boolean {
    const ticket = this.#tickets.get(id);
    if (ticket?.state !== "waiting" || ticket.firstFence > 0) return false;
    ticket.estimate = { p50At, p90At };
    this.#keeper?.ticket(this, ticket);
    return true;
  }

  #capacity(now: number): number {
    const capacity = capacityAt(this.settings.capacity, now);
    return capacity === "workers" ? this.workers.slots(now) : capacity;
  }

  #due(index: RankedSet, now: number): KeptTicket | undefined {
    const at = index.firstKey();
    return at === undefined || at > now ? undefined : this.#tickets.get(index.at(0) ?? "");
  }

  #lease(ticket: KeptTicket, endsAt: number): void {
    ticket.leaseEndsAt = endsAt;
    this.#leases.add(endsAt, ticket.number, ticket.id);
    this.#keeper?.ticket(this, ticket);
  }

  #restoreTicket(kept: KeptTicket): void {
    const { id, owner, key, state, claimKey, number } = kept;
    this.#tickets.set(id, kept);
    if (key !== undefined) this.#keys.set(pair(owner, key), kept);
    if (state === "waiting") {
      this.#owners.set(owner, kept);
      this.#lanes.restoreTicket(kept);
      this.#startLeaving(kept);
    } else if (state === "running") {
      this.#owners.set(owner, kept);
      if (claimKey !== undefined) this.#claims.set(claimKey, kept);
      this.#leases.add(kept.leaseEndsAt, number, id);
    } else this.#ended.add(kept.forgetAt, number, id);
  }

  #giveBack(ticket: KeptTicket, reason: string, now: number): void {
    const { maxClaims } = this.settings;
    this.counters.count(now, ticket.lane, "returned");
    if (maxClaims > 0 && ticket.claims >= maxClaims) {
      this.#fail(ticket, reason, now);
      return;
    }
    this.#stopRunning(ticket);
    ticket.state = "waiting";
    ticket.reason = reason;
    this.#lanes.putBack(ticket);
    this.#keeper?.ticket(this, ticket);
    this.#startLeaving(ticket);
  }

  #fail(ticket: KeptTicket, reason: string, now: number): void {
    this.counters.count(now, ticket.lane, "failed");
    this.#stopRunning(ticket);
    this.#end(ticket, "failed", now, reason);
  }

  #endWaiting(ticket: KeptTicket, state: "left" | "gone", now: number): void {
    this.counters.count(now, ticket.lane, state);
    this.#stopLeaving(ticket);
    this.#lanes.remove(ticket);
    this.#end(ticket, state, now, undefined);
  }

  #stopRunning(ticket: KeptTicket): void {
    this.#leases.remove(ticket.leaseEndsAt, ticket.number);
    if (ticket.claimKey !== undefined) this.#claims.delete(ticket.claimKey);
    ticket.claimKey = undefined;
  }

  #end(ticket: KeptTicket, state: TicketState, now: number, reason: string | undefined): void {
    ticket.state = state;
    ticket.reason = reason;
    ticket.endedAt = now;
    ticket.forgetAt = now + (state === "left" ? leftTicketMs : endedTicketMs);
    this.#owners.delete(ticket.owner);
    this.#ended.add(ticket.forgetAt, ticket.number, ticket.id);
    this.#keeper?.ticket(this, ticket);
  }

  /** Removes expired tickets: at each call more than the call can end, so that a queue shrinks as it is used. */
  #forgetEnded(now: number): void {
    for (let n = 0; n < 4; n++) {
      const ticket = this.#due(this.#ended, now);
      if (ticket === undefined) return;
      this.#ended.remove(ticket.forgetAt, ticket.number);
      this.#tickets.delete(ticket.id);
      this.#keeper?.forgotten(this, ticket.id);
      if (ticket.key !== undefined) this.#keys.delete(pair(ticket.owner, ticket.key));
    }
  }

  #startLeaving(ticket: KeptTicket): void {
    if (ticket.state !== "waiting" || ticket.goneAt === undefined) return;
    this.#leaving.add(ticket.goneAt, ticket.number, ticket.id);
  }

  #stopLeaving(ticket: KeptTicket): void {
    if (ticket.goneAt !== undefined) this.#leaving.remove(ticket.goneAt, ticket.number);
  }

  #countWait(ticket: KeptTicket, now: number): void {
    this.counters.countWait(now, ticket.lane, now - ticket.joinedAt);
    if (ticket.estimate === undefined) return;
    this.counters.count(now, ticket.lane, "estimated");
    if (now <= ticket.estimate.p50At) this.counters.count(now, ticket.lane, "withinP50");
    if (now <= ticket.estimate.p90At) this.counters.count(now, ticket.lane, "withinP90");
  }

  #shownAll(ids: readonly string[]): QueueTicket[] {
    return ids.flatMap((id) => this.get(id) ?? []);
  }

  #shown(ticket: KeptTicket): QueueTicket {
    const { id, owner, lane, state, joinedAt, claims, data, reason } = ticket;
    const isEnded = state !== "waiting" && state !== "running";
    return {
      id,
      owner,
      lane,
      state,
      joinedAt,
      claims,
      ...(data === undefined ? {} : { data }),
      ...(ticket.fence === 0
        ? {}
        : { fence: ticket.fence, worker: ticket.worker ?? "", claimedAt: ticket.claimedAt }),
      ...(state === "running" ? { leaseEndsAt: ticket.leaseEndsAt } : {}),
      ...(isEnded ? { endedAt: ticket.endedAt } : {}),
      ...(reason === undefined ? {} : { reason }),
      ...(state === "waiting" ? { place: this.#lanes.place(ticket) } : {}),
    };
  }
}

function holds(ticket: KeptTicket, fence: number): boolean {
  return ticket.state === "running" && ticket.fence === fence;
}

function repeatOrStale(
  ticket: QueueTicket,
  fence: number,
  states: readonly TicketState[],
): HeldResult {
  return ticket.fence === fence && states.includes(ticket.state)
    ? { status: "held", ticket, isRepeat: true }
    : { status: "stale", ticket };
}

/** Joins two texts so that no other two give the same. */
function pair(first: string, second: string): string {
  return `${first.length}:${first}${second}`;
}
