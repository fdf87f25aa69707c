import type {
  Clock,
  HeldResult,
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
  QueueList,
  QueueTicket,
  QueueView,
} from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { orThrow } from "../input/input.ts";
import type { Principal, UserPrincipal } from "../rules/principal.ts";
import { isInScope, type QueueAction, requireService } from "../rules/service-scopes.ts";
import { laneOf, mayJoin, type QueueBook, type ResolvedQueue } from "./queue-book.ts";
import {
  readClaim,
  readConfigure,
  readExtend,
  readFail,
  readFinish,
  readJoin,
} from "./queue-inputs.ts";
import { queueViewOf } from "./queue-view.ts";
import type { Queues } from "./queues-api.ts";
import { missingQueue, StoredQueues } from "./stored-queues.ts";
import { ownerOf, ownersOf, personIn, type TicketPerson, ticketDataText } from "./ticket-owner.ts";
import { claimedTicket, viewOfTicket } from "./ticket-view.ts";

const ticketIdLength = 20;
const defaultHours = 24;
const maxHours = 48;

/** Parts of the node that a {@link QueueService} uses. */
export interface QueueContext {
  readonly store: QueueStore;
  readonly book: QueueBook;
  readonly clock: Clock;
  readonly random: Random;
  readonly maxQueues: number;
}

/** Who joins, and in which lane. */
interface Joining {
  readonly person: TicketPerson;
  readonly lane: string | undefined;
}

/** Queues of people who wait for work, as their people, workers and operators use them. */
export class QueueService implements Queues {
  readonly #context: QueueContext;
  readonly #stored: StoredQueues;

  constructor(context: QueueContext) {
    this.#context = context;
    this.#stored = new StoredQueues(context);
  }

  async configure(principal: Principal, name: string, input: ConfigureQueue): Promise<QueueView> {
    const queue = this.#context.book.of(name);
    requireService(principal, "queue:manage", name);
    await this.#stored.configure(queue, orThrow(readConfigure(input)));
    return this.#view(queue, 1);
  }

  async view(principal: Principal, name: string, hours = defaultHours): Promise<QueueView> {
    const queue = this.#context.book.of(name);
    requireAny(principal, name, ["queue:manage", "queue:claim"]);
    return this.#view(queue, Math.min(Math.max(Math.floor(hours), 1), maxHours));
  }

  async list(principal: Principal): Promise<QueueList> {
    if (principal.kind !== "service") requireService(principal, "queue:manage");
    const { store } = this.#context;
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
    const { store, random } = this.#context;
    const { ticket, isNew } = await this.#stored.through(queue, () =>
      store.join(name, {
        id: random.id(ticketIdLength),
        owner: ownerOf(person),
        data: ticketDataText(person),
        ...(lane === undefined ? {} : { lane }),
        ...(request.key === undefined ? {} : { key: request.key }),
      }),
    );
    return { ...(await this.#ticket(name, ticket)), duplicate: !isNew };
  }

  async get(principal: Principal, name: string, id: string): Promise<QueueTicket> {
    return this.#ticket(name, await this.#visible(principal, name, id));
  }

  async own(principal: Principal, name: string): Promise<QueueTicket | undefined> {
    this.#context.book.of(name);
    if (principal.kind !== "user") {
      throw new MilepostError("bad_message", "name the ticket; only a user has one of its own");
    }
    for (const owner of ownersOf(principal)) {
      const found = await this.#known(() => this.#context.store.find(name, owner));
      if (found !== undefined) return this.#ticket(name, found);
    }
    return undefined;
  }

  async leave(principal: Principal, name: string, id: string): Promise<QueueTicket> {
    await this.#visible(principal, name, id, ["queue:join", "queue:manage"]);
    const left = await this.#context.store.leave(name, id);
    if (left === undefined) throw missingTicket();
    if (left.state === "running") {
      throw new MilepostError(
        "not_possible_now",
        "the ticket is being served; cancel its operation, or wait until its worker has finished it",
      );
    }
    return this.#ticket(name, left);
  }

  async claim(
    principal: Principal,
    name: string,
    input: ClaimTicket,
    _waitMs = 0,
    _signal?: AbortSignal,
  ): Promise<ClaimedTicket | undefined> {
    const queue = this.#context.book.of(name);
    requireService(principal, "queue:claim", name);
    const { worker, lease_ms, slots, claim_id } = orThrow(readClaim(input));
    const result = await this.#stored.through(queue, () =>
      this.#context.store.claim(name, {
        worker,
        ...(lease_ms === undefined ? {} : { leaseMs: lease_ms }),
        ...(slots === undefined ? {} : { slots }),
        ...(claim_id === undefined ? {} : { key: claim_id }),
      }),
    );
    if (result.status !== "claimed") return undefined;
    return claimedTicket(name, result.ticket, lease_ms ?? queue.leaseMs);
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
    return claimedTicket(name, ticket, lease_ms ?? queue.leaseMs);
  }

  async finish(
    principal: Principal,
    name: string,
    id: string,
    input: FinishTicket,
  ): Promise<QueueTicket> {
    const { fence } = orThrow(readFinish(input));
    const queue = this.#context.book.of(name);
    const ticket = await this.#held(principal, queue, (store) => store.finish(name, id, fence));
    return this.#ticket(name, ticket);
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
    const ticket = await this.#held(principal, queue, (store) =>
      store.fail(name, id, fence, options),
    );
    return this.#ticket(name, ticket);
  }

  /** Runs a worker's step on a ticket that it has claimed. */
  async #held(
    principal: Principal,
    queue: ResolvedQueue,
    step: (store: QueueStore) => Promise<HeldResult>,
  ): Promise<StoredTicket> {
    requireService(principal, "queue:claim", queue.name);
    const result = await this.#known(() => step(this.#context.store));
    if (result === undefined || result.status === "unknown") throw missingTicket();
    if (result.status === "held") return result.ticket;
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
    const found = await this.#known(() => this.#context.store.get(name, [id]));
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

  async #ticket(name: string, ticket: StoredTicket): Promise<QueueTicket> {
    return viewOfTicket(name, ticket, undefined);
  }

  async #view(queue: ResolvedQueue, hours: number): Promise<QueueView> {
    const { store } = this.#context;
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
  { user, session, lane }: JoinQueue,
): Joining {
  requireService(principal, "queue:join", queue.name);
  if ((user === undefined) === (session === undefined)) {
    throw new MilepostError("bad_message", "name either user or session, for whom the ticket is");
  }
  const person = user === undefined ? { session: session ?? "" } : { user };
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
