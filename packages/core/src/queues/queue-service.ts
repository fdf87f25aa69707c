import type {
  Clock,
  Engine,
  HeldResult,
  JoinResult,
  Queues as QueueStore,
  Random,
  QueueTicket as StoredTicket,
} from "@milepost/engine";
import type {
  ClaimedTicket,
  ClaimTicket,
  ConfigureQueue,
  ExtendTicket,
  FailTicket,
  FinishTicket,
  JoinedTicket,
  JoinQueue,
  OperationState,
  QueueList,
  QueueTicket,
  QueueView,
} from "@milepost/model";
import { compact, MilepostError } from "@milepost/protocol";
import { AssuredPublisher } from "../dead-letters/assured-publisher.ts";
import { orThrow } from "../input/input.ts";
import type { Operations } from "../operations/operations-api.ts";
import type { NewWait, QueuedOperations } from "../operations/queued-operations.ts";
import type { Principal, ServicePrincipal, UserPrincipal } from "../rules/principal.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import { isInScope, type QueueAction, requireService } from "../rules/service-scopes.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import { ClaimWaiters } from "./claim-waiters.ts";
import { laneOf, mayJoin, type QueueBook, type ResolvedQueue } from "./queue-book.ts";
import {
  readClaim,
  readConfigure,
  readExtend,
  readFail,
  readFinish,
  readJoin,
} from "./queue-inputs.ts";
import { QueueNews } from "./queue-news.ts";
import { type PlannedOperation, QueueOperations } from "./queue-operations.ts";
import { QueueSignals } from "./queue-signals.ts";
import { QueueUpkeep } from "./queue-upkeep.ts";
import { queueViewOf } from "./queue-view.ts";
import { QueueWatch } from "./queue-watch.ts";
import type { Queues } from "./queues-api.ts";
import { missingQueue, StoredQueues } from "./stored-queues.ts";
import {
  ownerOf,
  ownersOf,
  personIn,
  readTicketData,
  type TicketPerson,
  ticketDataText,
} from "./ticket-owner.ts";
import { claimedTicket, viewOfTicket } from "./ticket-view.ts";
import { WaitEstimates } from "./wait-estimates.ts";

const ticketIdLength = 20;
const defaultHours = 24;
const maxHours = 48;

const maxWaitMs = 60_000;
/** Time beyond its wait for which a waiting worker counts as live, in milliseconds. */
const liveBeyondMs = 10_000;

/** Parts of the node that a {@link QueueService} uses. */
export interface QueueContext {
  readonly engine: Engine;
  readonly operations: Pick<Operations, "create" | "get"> & { readonly queued: QueuedOperations };
  readonly rules: RuleBook;
  readonly book: QueueBook;
  readonly node: string;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly maxQueues: number;
  readonly instruments: Pick<CoreInstruments, QueueInstrument>;
  /** True if the person has a connection to this node. */
  readonly isConnected: (person: TicketPerson) => boolean;
  /** Principals of the connections to this node. */
  readonly connected: () => Iterable<Principal | undefined>;
  readonly onError: (error: unknown) => void;
}

type QueueInstrument =
  | "queueTickets"
  | "queuePositionsPushed"
  | "queueTicketsWatched"
  | "queueEstimates"
  | "queueOutcomes"
  | "queueWaits"
  | "queueServices";

/** Person who joins, and the lane of its ticket. */
interface Joining {
  readonly person: TicketPerson;
  readonly lane: string | undefined;
}

/** Queues of people who wait for work, as their people, workers and operators use them. */
export class QueueService implements Queues {
  readonly #context: QueueContext;
  readonly #store: QueueStore;
  readonly #stored: StoredQueues;
  readonly #estimates: WaitEstimates;
  readonly #news: QueueNews;
  readonly #waiters: ClaimWaiters<ClaimedTicket>;
  readonly #signals: QueueSignals;
  readonly #watch: QueueWatch;
  readonly #upkeep: QueueUpkeep;
  readonly #operations: QueueOperations;
  #isClosed = false;

  constructor(context: QueueContext) {
    const { engine, rules, clock, wheel, random, onError } = context;
    const store = engine.queues;
    this.#context = context;
    this.#store = store;
    this.#stored = new StoredQueues({ ...context, store });
    this.#estimates = new WaitEstimates({ store, clock });
    this.#news = new QueueNews(
      new AssuredPublisher({ engine, rules, clock, wheel, random, onError }),
    );
    this.#operations = new QueueOperations(context.operations, random);
    this.#waiters = new ClaimWaiters({
      wheel,
      giveBack: (claimed) => this.#giveBack(claimed),
      onError,
    });
    this.#watch = new QueueWatch({
      ...context,
      store,
      push: async (queue, ticket) => {
        context.instruments.queuePositionsPushed.add(1);
        await this.#tell(queue, ticket);
      },
    });
    this.#signals = new QueueSignals({
      ...context,
      signals: engine.signals,
      isShared: engine.isShared === true,
      onChange: (queue, moves, joined) => {
        this.#watch.changed(queue, moves, joined);
        this.#waiters.wake(queue);
        if (engine.isShared !== true) this.#upkeep.start();
      },
    });
    this.#upkeep = new QueueUpkeep({
      store,
      wheel,
      now: () => clock.monotonic(),
      onMoved: (queue, ticket) => this.#onSwept(queue, ticket),
      renew: (queue) => this.#stored.renew(context.book.of(queue)),
      onError,
    });
    context.instruments.queueTicketsWatched.readFrom(() => this.#watch.size);
  }

  /** Tickets of the people of this node's connections. */
  get watch(): QueueWatch {
    return this.#watch;
  }

  /** Changes that other nodes tell of. */
  get signals(): QueueSignals {
    return this.#signals;
  }

  /** Learns which queues there are; part of the heartbeat of a node with a shared engine. */
  async refresh(): Promise<void> {
    this.#watch.setLive(await unlessUnsupported(this.#store.names(), []));
  }

  /** Returns tickets of dead workers to their places, and lets tickets leave whose people are gone. */
  sweep(): Promise<void> {
    return unlessUnsupported(this.#upkeep.sweep(), undefined);
  }

  /** Ends all waits and stops watching. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#waiters.close();
    this.#upkeep.close();
    this.#watch.close();
    await this.#news.close();
  }

  async configure(principal: Principal, name: string, input: ConfigureQueue): Promise<QueueView> {
    const queue = this.#context.book.of(name);
    requireService(principal, "queue:manage", name);
    await this.#stored.configure(queue, orThrow(readConfigure(input)));
    this.#signals.changed(name);
    return this.#view(queue, 1);
  }

  async view(principal: Principal, name: string, hours = defaultHours): Promise<QueueView> {
    const queue = this.#context.book.of(name);
    requireAny(principal, name, ["queue:manage", "queue:claim"]);
    return this.#view(queue, Math.min(Math.max(Math.floor(hours), 1), maxHours));
  }

  async list(principal: Principal): Promise<QueueList> {
    if (principal.kind !== "service") requireService(principal, "queue:manage");
    const store = this.#store;
    const names = (await store.names()).filter((name) =>
      mayDoAny(principal, name, ["queue:manage", "queue:claim"]),
    );
    const states = await Promise.all(names.map((name) => store.state(name)));
    return {
      queues: names.flatMap((queue, i) => {
        const state = states[i];
        if (state === undefined) return [];
        const { waiting, running, capacity } = state;
        return [{ queue, waiting, running, capacity_now: capacity }];
      }),
    };
  }

  async join(principal: Principal, name: string, input: JoinQueue): Promise<JoinedTicket> {
    const queue = this.#context.book.of(name);
    const request = orThrow(readJoin(input));
    const { person, lane } =
      principal.kind === "user"
        ? joinOfUser(principal, queue, request)
        : joinOfService(principal, queue, request);
    const planned = await this.#operations.plan(principal, queue.rule, request.operation);
    const data = planned === undefined ? person : { ...person, operation: planned.id };
    const join = () =>
      this.#stored.through(queue, () =>
        this.#store.join(name, {
          id: this.#context.random.id(ticketIdLength),
          owner: ownerOf(person),
          data: ticketDataText(data),
          ...(lane === undefined ? {} : { lane }),
          ...(request.key === undefined ? {} : { key: request.key }),
        }),
      );
    const { ticket, isNew } =
      planned === undefined ? await join() : await this.#joinAs(planned, name, person, join);
    if (isNew) return { ...(await this.#joined(name, ticket, person)), duplicate: false };
    const view = await this.#ticket(name, ticket);
    if (await this.#operations.ensure(ticket, planned)) {
      await this.#operations.changed(ticket, view, this.#newWait(name, ticket, "join"));
    }
    return { ...view, duplicate: true };
  }

  /** Joins with an operation, which exists before a worker can claim the ticket, and ends with a join that brings no new one. */
  async #joinAs(
    planned: PlannedOperation,
    name: string,
    person: TicketPerson,
    join: () => Promise<JoinResult>,
  ): Promise<JoinResult> {
    const known = await this.#known(() => this.#store.find(name, ownerOf(person)));
    // A person who has a ticket gets it again. Nobody shall see an operation come and go for that.
    const isMade = known === undefined && (await planned.create(person));
    const abandon = () => this.#operations.abandon(planned.id).catch(this.#context.onError);
    try {
      const joined = await join();
      // The ticket that the person had has ended meanwhile.
      if (known !== undefined && joined.isNew) await planned.create(person);
      if (isMade && !joined.isNew && readTicketData(joined.ticket.data).operation !== planned.id) {
        await abandon();
      }
      return joined;
    } catch (error) {
      // Where the store gave no answer there may be a ticket. Without one, nobody reports on the operation, and it is lost.
      if (isMade && !isUnanswered(error)) await abandon();
      throw error;
    }
  }

  async get(principal: Principal, name: string, id: string): Promise<QueueTicket> {
    const ticket = await this.#visible(principal, name, id);
    if (principal.kind === "user") this.#watch.seen(name, ticket);
    return this.#ticket(name, ticket);
  }

  async own(principal: Principal, name: string): Promise<QueueTicket | undefined> {
    this.#context.book.of(name);
    if (principal.kind !== "user") {
      throw new MilepostError("bad_message", "name the ticket; only a user has one of its own");
    }
    for (const owner of ownersOf(principal)) {
      const found = await this.#known(() => this.#store.find(name, owner));
      if (found === undefined) continue;
      this.#watch.seen(name, found);
      return this.#ticket(name, found);
    }
    return undefined;
  }

  async leave(principal: Principal, name: string, id: string): Promise<QueueTicket> {
    const before = await this.#visible(principal, name, id, ["queue:join", "queue:manage"]);
    const left = await this.#store.leave(name, id);
    if (left === undefined) throw missingTicket();
    if (left.state === "running") {
      throw new MilepostError(
        "not_possible_now",
        "the ticket is being served; cancel its operation, or wait until its worker has finished it",
      );
    }
    const isNew = before.state === "waiting" && left.state === "left";
    return isNew ? this.#moved(name, left) : this.#again(name, left);
  }

  /** Lets a ticket leave because its operation is to be cancelled. Does nothing once a worker has claimed it. */
  async leaveForOperation(name: string, id: string): Promise<void> {
    const left = await this.#known(() => this.#store.leave(name, id));
    if (left?.state === "left") await this.#moved(name, left);
  }

  /** Ends an operation that waits in a queue although its ticket has ended, or is not remembered. */
  async settleOperation({ id, waiting }: OperationState): Promise<void> {
    const { queue, ticket: ticketId } = waiting ?? {};
    if (queue === undefined || ticketId === undefined) return;
    const [ticket] = (await this.#known(() => this.#store.get(queue, [ticketId]))) ?? [];
    if (ticket === undefined) await this.#operations.abandon(id);
    else if (ticket.endedAt !== undefined) await this.#again(queue, ticket);
  }

  async claim(
    principal: Principal,
    name: string,
    input: ClaimTicket,
    waitMs = 0,
    signal?: AbortSignal,
  ): Promise<ClaimedTicket | undefined> {
    const queue = this.#context.book.of(name);
    const service = requireService(principal, "queue:claim", name);
    const request = orThrow(readClaim(input));
    const attempt = () => this.#claim(service, queue, request);
    const first = await attempt();
    if (first !== undefined && signal?.aborted === true) {
      await this.#giveBack(first);
      return undefined;
    }
    const wait = Math.min(waitMs, maxWaitMs);
    if (first !== undefined || !(wait > 0) || this.#isClosed) return first;
    const { worker, slots = 1 } = request;
    await this.#store.beat(name, worker, slots, wait + liveBeyondMs);
    return this.#waiters.wait(name, wait, attempt, signal);
  }

  async extend(
    principal: Principal,
    name: string,
    id: string,
    input: ExtendTicket,
  ): Promise<ClaimedTicket> {
    const { fence, lease_ms } = orThrow(readExtend(input));
    const queue = this.#context.book.of(name);
    const ticket = await this.#held(principal, queue, (store) =>
      store.extend(name, id, fence, lease_ms),
    );
    return claimedTicket(name, ticket.ticket, lease_ms ?? queue.leaseMs);
  }

  async finish(
    principal: Principal,
    name: string,
    id: string,
    input: FinishTicket,
  ): Promise<QueueTicket> {
    const { fence } = orThrow(readFinish(input));
    const queue = this.#context.book.of(name);
    const held = await this.#held(principal, queue, (store) => store.finish(name, id, fence));
    return this.#ended(name, held);
  }

  async fail(
    principal: Principal,
    name: string,
    id: string,
    input: FailTicket,
  ): Promise<QueueTicket> {
    const { fence, reason, give_back: giveBack = false } = orThrow(readFail(input));
    const queue = this.#context.book.of(name);
    const options = { giveBack, ...(reason === undefined ? {} : { reason }) };
    const held = await this.#held(principal, queue, (store) =>
      store.fail(name, id, fence, options),
    );
    return this.#ended(name, held);
  }

  /** Runs a worker's step on a ticket that it has claimed. */
  async #held(
    principal: Principal,
    queue: ResolvedQueue,
    step: (store: QueueStore) => Promise<HeldResult>,
  ): Promise<Extract<HeldResult, { status: "held" }>> {
    requireService(principal, "queue:claim", queue.name);
    const result = await this.#known(() => step(this.#store));
    if (result === undefined || result.status === "unknown") throw missingTicket();
    if (result.status === "held") return result;
    const { state, worker } = result.ticket;
    const now = state === "running" ? `${worker ?? "another worker"} serves it` : `it is ${state}`;
    throw new MilepostError("stale_lease", `the ticket is no longer held with this fence: ${now}`);
  }

  /** Returns a ticket that the principal may see: its own, or any for a service with one of the scopes. */
  async #visible(
    principal: Principal,
    name: string,
    id: string,
    actions: readonly QueueAction[] = ["queue:join", "queue:claim", "queue:manage"],
  ): Promise<StoredTicket> {
    this.#context.book.of(name);
    if (principal.kind === "service") requireAny(principal, name, actions);
    const found = await this.#known(() => this.#store.get(name, [id]));
    const ticket = found?.[0];
    const isOwn =
      principal.kind === "service" ||
      (ticket !== undefined && ownersOf(principal).includes(ticket.owner));
    if (ticket === undefined || !isOwn) throw missingTicket();
    return ticket;
  }

  /** Runs a look-up; undefined where the store does not know the queue. */
  async #known<T>(look: () => Promise<T>): Promise<T | undefined> {
    try {
      return await look();
    } catch (error) {
      if (error instanceof MilepostError && error.code === "not_found") return undefined;
      throw error;
    }
  }

  /** Claims a ticket. One whose operation has ended already is finished at once, and the next one is claimed. */
  async #claim(
    service: ServicePrincipal,
    queue: ResolvedQueue,
    request: ClaimTicket,
  ): Promise<ClaimedTicket | undefined> {
    for (;;) {
      const ticket = await this.#claimTicket(queue, request);
      if (ticket === undefined) return undefined;
      const ttlMs = request.lease_ms ?? queue.leaseMs;
      const claimed = claimedTicket(queue.name, ticket, ttlMs);
      const lease = await this.#operations.handOver(ticket, service, ttlMs);
      if (lease === undefined) return claimed;
      if (lease !== "over") return { ...claimed, operation_lease: lease };
      const held = await this.#store.finish(queue.name, ticket.id, ticket.fence ?? 0);
      if (held.status === "held") await this.#ended(queue.name, held);
    }
  }

  /** Returns a ticket to its place that was claimed for a worker that no longer waits for it. */
  async #giveBack({ queue, id, lease }: ClaimedTicket): Promise<void> {
    const options = { giveBack: true, unserved: true, reason: "unserved" };
    const held = await this.#store.fail(queue, id, lease.fence, options);
    if (held.status === "held") await this.#ended(queue, held);
  }

  async #claimTicket(
    queue: ResolvedQueue,
    { worker, lease_ms, slots, claim_id }: ClaimTicket,
  ): Promise<StoredTicket | undefined> {
    const { name } = queue;
    const result = await this.#stored.through(queue, () =>
      this.#store.claim(name, {
        worker,
        ...(lease_ms === undefined ? {} : { leaseMs: lease_ms }),
        ...(slots === undefined ? {} : { slots }),
        ...(claim_id === undefined ? {} : { key: claim_id }),
      }),
    );
    if (result.status !== "claimed") return undefined;
    const { ticket, isRepeat } = result;
    if (!isRepeat) {
      const { instruments } = this.#context;
      if (ticket.claims === 1) {
        const outcome = this.#estimates.served(name, ticket.id);
        if (outcome !== undefined) instruments.queueOutcomes.of(name)[outcome].add(1);
        instruments.queueWaits.observe((ticket.claimedAt ?? ticket.joinedAt) - ticket.joinedAt);
      }
      instruments.queueTickets.running.add(1);
      this.#signals.changed(name);
      void this.#tell(name, ticket).catch(this.#context.onError);
    }
    return ticket;
  }

  /**
   * Tells the person of a new ticket its first position, and the nodes that it waits. A person who is connected elsewhere, or
   * later, is told by that node, so a line of people who are away takes no memory in their channels.
   */
  async #joined(name: string, ticket: StoredTicket, person: TicketPerson): Promise<QueueTicket> {
    const { instruments, onError, isConnected } = this.#context;
    const { id, place } = ticket;
    const estimate = await this.#estimates.ofNew(name, id, place?.position ?? 0);
    instruments.queueTickets.waiting.add(1);
    if (estimate !== undefined) {
      instruments.queueEstimates.add(1);
      void this.#store.noteEstimate(name, id, estimate.p50_ms, estimate.p90_ms).catch(onError);
    }
    this.#signals.changed(name, { id, person });
    const joined = viewOfTicket(name, ticket, estimate);
    await Promise.all([
      isConnected(person) ? this.#news.publish(ticket, joined) : undefined,
      this.#operations.changed(ticket, joined, this.#newWait(name, ticket, "join")),
    ]);
    this.#watch.seen(name, ticket);
    return joined;
  }

  /** Handles a ticket that its worker has ended or given back. */
  async #ended(
    name: string,
    { ticket, isRepeat }: Extract<HeldResult, { status: "held" }>,
  ): Promise<QueueTicket> {
    if (isRepeat) return this.#again(name, ticket);
    const { claimedAt, endedAt, state } = ticket;
    if (state === "finished" && claimedAt !== undefined && endedAt !== undefined) {
      this.#context.instruments.queueServices.observe(endedAt - claimedAt);
    }
    return this.#moved(name, ticket);
  }

  async #onSwept(name: string, ticket: StoredTicket): Promise<void> {
    await this.#moved(name, ticket);
  }

  /** Tells everybody that a ticket has changed its state, other than by a claim. */
  async #moved(name: string, ticket: StoredTicket): Promise<QueueTicket> {
    const { instruments } = this.#context;
    instruments.queueTickets[ticket.state === "waiting" ? "returned" : ticket.state].add(1);
    if (ticket.state !== "waiting") this.#estimates.left(ticket.id);
    this.#signals.changed(name);
    return this.#tell(name, ticket, this.#newWait(name, ticket, "return"));
  }

  /** Brings the operation of a ticket that has moved before to where it is: the node may have died, or the store failed, then. */
  async #again(name: string, ticket: StoredTicket): Promise<QueueTicket> {
    const view = await this.#ticket(name, ticket);
    await this.#operations.changed(ticket, view, this.#newWait(name, ticket, "return"));
    return view;
  }

  /** Publishes a ticket for its person, as it is. With a `wait`, it has just begun to wait. */
  async #tell(name: string, ticket: StoredTicket, wait?: NewWait): Promise<QueueTicket> {
    const view = await this.#ticket(name, ticket);
    await Promise.all([
      this.#news.publish(ticket, view),
      this.#operations.changed(ticket, view, wait),
    ]);
    return view;
  }

  #newWait(name: string, { id, claims }: StoredTicket, by: NewWait["by"]): NewWait {
    return {
      by,
      isStill: async () => {
        const [now] = (await this.#known(() => this.#store.get(name, [id]))) ?? [];
        return now?.state === "waiting" && now.claims === claims;
      },
    };
  }

  async #ticket(name: string, ticket: StoredTicket): Promise<QueueTicket> {
    const { place } = ticket;
    const estimate =
      place === undefined ? undefined : await this.#estimates.at(name, place.position);
    return viewOfTicket(name, ticket, estimate);
  }

  async #view(queue: ResolvedQueue, hours: number): Promise<QueueView> {
    const store = this.#store;
    const [state, statistics] = await Promise.all([
      store.state(queue.name),
      this.#known(() => store.statistics(queue.name, hours)),
    ]);
    if (state === undefined || statistics === undefined) throw missingQueue(queue.name);
    return queueViewOf(
      queue.name,
      this.#stored.capacityOf(queue, state.settings),
      state,
      statistics,
      hours,
    );
  }
}

/** True for an error after which it is unknown what the store has done. */
function isUnanswered(error: unknown): boolean {
  return error instanceof MilepostError && error.code === "store_unavailable";
}

/** Resolves with `otherwise` where the engine keeps no queues. */
async function unlessUnsupported<T>(call: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof MilepostError && error.code === "not_supported") return otherwise;
    throw error;
  }
}

/** Returns for whom a user joins, and its lane. Only the token and the rule decide; what the client says must agree. */
function joinOfUser(user: UserPrincipal, queue: ResolvedQueue, request: JoinQueue): Joining {
  const own = personIn(user);
  if (own === undefined || !mayJoin(queue, user)) {
    throw new MilepostError("forbidden", `this credential may not join the queue ${queue.name}`);
  }
  if (request.operation !== undefined) {
    throw new MilepostError(
      "forbidden",
      "only a service may name an operation; the queue's rule can make each ticket one",
    );
  }
  const lane = laneOf(queue, user);
  if (request.lane !== undefined && request.lane !== lane) {
    throw new MilepostError(
      "forbidden",
      `the lane comes from the token, which gives ${lane}; leave lane out`,
    );
  }
  if (request.user !== undefined && request.user !== user.user) throw notForOthers();
  if (request.session !== undefined && request.session !== user.session) throw notForOthers();
  if (request.guest !== undefined && request.guest !== user.guest) throw notForOthers();
  const isOfSession = request.session !== undefined && request.user === undefined;
  return { person: isOfSession ? { session: request.session } : own, lane };
}

function notForOthers(): MilepostError {
  return new MilepostError(
    "forbidden",
    "a user joins for itself; leave user and session out, or send an API key",
  );
}

function joinOfService(
  principal: Principal,
  queue: ResolvedQueue,
  { user, session, guest, lane }: JoinQueue,
): Joining {
  requireService(principal, "queue:join", queue.name);
  if ([user, session, guest].filter((id) => id !== undefined).length !== 1) {
    throw new MilepostError(
      "bad_message",
      "name one of user, session and guest, for whom the ticket is",
    );
  }
  const person = compact({ user, session, guest });
  return { person, lane };
}

function mayDoAny(principal: Principal, name: string, actions: readonly QueueAction[]): boolean {
  return (
    principal.kind === "service" && actions.some((action) => isInScope(principal, action, name))
  );
}

/** Throws `forbidden` unless the principal is a service with one of the scopes on the queue. */
function requireAny(principal: Principal, name: string, actions: readonly QueueAction[]): void {
  if (mayDoAny(principal, name, actions)) return;
  requireService(principal, actions[0] ?? "queue:manage", name);
}

function missingTicket(): MilepostError {
  return new MilepostError(
    "not_found",
    "the queue has no ticket with this id that the credential may see; join again",
  );
}
