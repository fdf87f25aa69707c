import {
  type ClaimRequest,
  type ClaimResult,
  type FailOptions,
  type FullQueueSettings,
  fullQueueSettings,
  type HeldResult,
  type JoinRequest,
  type JoinResult,
  laneCost,
  maxQueueLanes,
  noLane,
  noQueue,
  type QueueHour,
  type QueueSettings,
  type QueueState,
  type Queues,
  type QueueTicket,
  queueFull,
  queueInUse,
  queueKeepMs,
  requireBatch,
  requireClaimFits,
  requireJoinFits,
  requireLease,
  requireWorkerFits,
  type SweepResult,
  ticketExists,
  tooManyDraining,
  tooManyQueues,
} from "@milepost/engine";
import type { Keys } from "./keys.ts";
import { statisticsOf, type TicketReply, ticketOf } from "./queue-replies.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { type Script, scripts } from "./script.ts";

const hourMs = 3_600_000;
/** Most tickets of one call of a script, so that no call holds up the others of Redis for long. */
const maxPerScript = 50;
/** Shortest time between two renewals of a queue's name by one node, in milliseconds. */
const renewNameMs = 60_000;
/** Most names that a node remembers to have renewed. */
const maxRenewed = 10_000;

/** Queues of all nodes. All keys of one queue share a hash slot, and every step is one script. */
export class RedisQueues implements Queues {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #renewed = new Map<string, number>();

  constructor(link: RedisLink, keys: Keys, clock: RedisClock) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
  }

  async configure(queue: string, settings: QueueSettings, maxQueues: number): Promise<QueueState> {
    const full = fullQueueSettings(settings);
    // The name first: without it, nothing would sweep the queue.
    if (!(await this.#addName(queue, maxQueues))) tooManyQueues(maxQueues);
    const answer = await this.#run(scripts.queueConfigure, queue, [
      JSON.stringify(full),
      String(full.maxWaiting),
      String(full.graceMs),
      String(full.leaseMs),
      String(full.maxClaims),
      capacityText(full.capacity),
      String(maxQueueLanes),
      ...Object.entries(full.lanes).flatMap(([name, weight]) => [
        name,
        String(weight),
        laneCost(weight).toFixed(0),
      ]),
    ]);
    if (answer === "draining") tooManyDraining(queue);
    return (await this.state(queue)) ?? noQueue(queue);
  }

  async state(queue: string): Promise<QueueState | undefined> {
    const answer = await this.#run(scripts.queueState, queue, []);
    if (answer === null) return undefined;
    const [settings, running, capacity, workers, slots, suspended, lanes] = answer as [
      string,
      number,
      number,
      number,
      number,
      string,
      readonly [name: string, weight: string, waiting: number, drains: number][],
    ];
    return {
      settings: JSON.parse(settings) as FullQueueSettings,
      waiting: lanes.reduce((sum, [, , waiting]) => sum + waiting, 0),
      running,
      capacity,
      lanes: lanes.map(([name, weight, waiting, drains]) => ({
        name,
        weight: Number(weight),
        waiting,
        isDraining: drains === 1,
      })),
      workers,
      slots,
      ...(Number(suspended) > Number(this.#clock.now())
        ? { suspendedUntil: Number(suspended) }
        : {}),
    };
  }

  async names(): Promise<readonly string[]> {
    const answer = await this.#names("list", "");
    return (answer as readonly string[]).map((name) => JSON.parse(name) as string).sort();
  }

  async remove(queue: string): Promise<boolean> {
    const answer = await this.#run(scripts.queueRemove, queue, []);
    if (answer === "used") queueInUse(queue);
    this.#renewed.delete(queue);
    await this.#names("remove", queue);
    return answer === "removed";
  }

  async join(queue: string, request: JoinRequest): Promise<JoinResult> {
    requireJoinFits(request);
    const { id, owner, lane = "", data, key } = request;
    const answer = await this.#run(scripts.queueJoin, queue, [
      this.#keys.queueItem(id),
      JSON.stringify(id),
      JSON.stringify(owner),
      this.#keys.queueItem(owner),
      key === undefined ? "" : this.#keys.queueItem(owner, key),
      lane,
      data === undefined ? "" : JSON.stringify(data),
    ]);
    const [result, detail] = answer as readonly [number | string, unknown];
    if (result === "unknown") noQueue(queue);
    if (result === "exists") ticketExists(id);
    if (result === "full") queueFull(queue, detail as number);
    if (result === "lane") {
      const state = await this.state(queue);
      noLane(lane, state?.settings.lanes ?? {});
    }
    return { ticket: ticketOf(detail as TicketReply), isNew: result === 1 };
  }

  async get(queue: string, ids: readonly string[]): Promise<readonly (QueueTicket | undefined)[]> {
    requireBatch(ids);
    const parts: readonly string[][] = chunked(ids.map((id) => this.#keys.queueItem(id)));
    const answers = await Promise.all(parts.map((part) => this.#look(queue, "get", part)));
    return answers.flat();
  }

  async find(queue: string, owner: string): Promise<QueueTicket | undefined> {
    const [ticket] = await this.#look(queue, "find", [this.#keys.queueItem(owner)]);
    return ticket;
  }

  async head(queue: string, limit: number): Promise<readonly QueueTicket[]> {
    const found = await this.#look(queue, "head", [String(Math.min(limit, 100))]);
    return found.filter((ticket) => ticket !== undefined);
  }

  async running(queue: string, limit: number): Promise<readonly QueueTicket[]> {
    const found = await this.#look(queue, "running", [String(Math.min(limit, 1_000))]);
    return found.filter((ticket) => ticket !== undefined);
  }

  async leave(queue: string, id: string): Promise<QueueTicket | undefined> {
    const answer = await this.#run(scripts.queueLeave, queue, [this.#keys.queueItem(id)]);
    if (answer === "unknown") noQueue(queue);
    return answer === null ? undefined : ticketOf(answer as TicketReply);
  }

  async claim(queue: string, request: ClaimRequest): Promise<ClaimResult> {
    requireClaimFits(request);
    const { worker, leaseMs, slots, key } = request;
    const answer = await this.#run(scripts.queueClaim, queue, [
      JSON.stringify(worker),
      leaseMs === undefined ? "" : String(leaseMs),
      slots === undefined ? "" : String(slots),
      key === undefined ? "" : this.#keys.queueItem(worker, key),
    ]);
    const [result, detail, capacity] = answer as readonly [string, unknown, number];
    if (result === "unknown") noQueue(queue);
    if (result === "empty") return { status: "empty" };
    if (result === "full") return { status: "full", running: detail as number, capacity };
    const ticket = ticketOf(detail as TicketReply);
    return { status: "claimed", ticket, isRepeat: result === "repeated" };
  }

  async extend(queue: string, id: string, fence: number, leaseMs?: number): Promise<HeldResult> {
    if (leaseMs !== undefined) requireLease(leaseMs);
    const lease = leaseMs === undefined ? "" : String(leaseMs);
    return this.#hold(queue, id, fence, "extend", lease);
  }

  finish(queue: string, id: string, fence: number): Promise<HeldResult> {
    return this.#hold(queue, id, fence, "finish", "");
  }

  fail(
    queue: string,
    id: string,
    fence: number,
    { giveBack = false, unserved = false, reason = "failed" }: FailOptions = {},
  ): Promise<HeldResult> {
    const back = unserved ? "unserved" : "back";
    return this.#hold(queue, id, fence, giveBack ? back : "fail", JSON.stringify(reason));
  }

  markSeen(queue: string, ids: readonly string[], forMs: number): Promise<number> {
    return this.#mark(queue, "seen", ids, forMs);
  }

  markGone(queue: string, ids: readonly string[]): Promise<number> {
    return this.#mark(queue, "gone", ids, 0);
  }

  async suspend(queue: string): Promise<void> {
    await this.#worker(queue, "suspend");
  }

  async sweep(queue: string, limit: number): Promise<SweepResult> {
    const answer = await this.#run(scripts.queueSweep, queue, [
      String(Math.min(limit, maxPerScript)),
    ]);
    if (answer === null) noQueue(queue);
    await this.#renewName(queue);
    const [more, returned, failed, gone] = answer as readonly [
      number,
      ...(readonly TicketReply[])[],
    ];
    const all = (replies: readonly TicketReply[] = []) => replies.map(ticketOf);
    return {
      returned: all(returned),
      failed: all(failed),
      gone: all(gone),
      hasMore: more === 1,
    };
  }

  async beat(queue: string, worker: string, slots: number, ttlMs: number): Promise<void> {
    requireWorkerFits(worker, slots);
    await this.#worker(queue, "beat", JSON.stringify(worker), String(slots), ttlMs.toFixed(0));
  }

  async retire(queue: string, worker: string): Promise<void> {
    await this.#worker(queue, "retire", JSON.stringify(worker));
  }

  async workers(queue: string) {
    const answer = await this.#worker(queue, "list");
    return (answer as readonly (readonly [string, string, string])[]).map(
      ([name, slots, liveUntil]) => ({
        name: JSON.parse(name) as string,
        slots: Number(slots),
        liveUntil: Number(liveUntil),
      }),
    );
  }

  async noteEstimate(queue: string, id: string, p50Ms: number, p90Ms: number): Promise<boolean> {
    const args = [this.#keys.queueItem(id), p50Ms.toFixed(0), p90Ms.toFixed(0)];
    return (await this.#worker(queue, "estimate", ...args)) === 1;
  }

  async statistics(queue: string, hours: number): Promise<readonly QueueHour[]> {
    const current = this.#hour();
    const [meta = ""] = this.#keys.queue(queue, current);
    const wanted = Array.from({ length: hours }, (_, ago) => current - ago);
    const keys = wanted.map((hour) => this.#keys.queueHour(queue, hour));
    const answer = await this.#link.run(scripts.queueStatistics, [meta, ...keys], []);
    if (answer === null) noQueue(queue);
    return (answer as readonly (readonly string[])[]).flatMap((flat, ago) =>
      flat.length === 0 ? [] : [{ at: (current - ago) * hourMs, lanes: statisticsOf(flat) }],
    );
  }

  async #look(queue: string, action: string, args: readonly string[]) {
    const answer = await this.#run(scripts.queueLook, queue, [action, ...args]);
    if (answer === "unknown") noQueue(queue);
    return (answer as readonly (TicketReply | null)[]).map((reply) =>
      reply === null ? undefined : ticketOf(reply),
    );
  }

  async #hold(
    queue: string,
    id: string,
    fence: number,
    action: string,
    detail: string,
  ): Promise<HeldResult> {
    const args = [this.#keys.queueItem(id), fence.toFixed(0), action, detail];
    const answer = await this.#run(scripts.queueHold, queue, args);
    const [result, reply] = answer as readonly [string, TicketReply];
    if (result === "unknown") noQueue(queue);
    if (result === "forgotten") return { status: "unknown" };
    const ticket = ticketOf(reply);
    if (result === "stale") return { status: "stale", ticket };
    return { status: "held", ticket, isRepeat: result === "repeated" };
  }

  async #mark(queue: string, action: string, ids: readonly string[], forMs: number) {
    requireBatch(ids);
    const parts = chunked(ids.map((id) => this.#keys.queueItem(id)));
    const answers = await Promise.all(
      parts.map((part) => this.#run(scripts.queueMark, queue, [action, forMs.toFixed(0), ...part])),
    );
    if (answers.includes(-1)) noQueue(queue);
    return (answers as readonly number[]).reduce((sum, live) => sum + live, 0);
  }

  async #worker(queue: string, ...args: readonly string[]): Promise<unknown> {
    const answer = await this.#run(scripts.queueWorker, queue, args);
    return answer === -1 ? noQueue(queue) : answer;
  }

  async #addName(queue: string, maxQueues: number | undefined): Promise<boolean> {
    const most = maxQueues === undefined ? "" : String(maxQueues);
    return (await this.#names("add", queue, most, String(queueKeepMs))) === 1;
  }

  async #renewName(queue: string): Promise<void> {
    const now = Number(this.#clock.now());
    if (now - (this.#renewed.get(queue) ?? 0) < renewNameMs) return;
    if (this.#renewed.size >= maxRenewed) this.#renewed.clear();
    this.#renewed.set(queue, now);
    await this.#addName(queue, undefined);
  }

  #names(action: string, queue: string, ...rest: readonly string[]): Promise<unknown> {
    const args = [this.#clock.now(), action, JSON.stringify(queue), ...rest];
    return this.#link.run(scripts.queueNames, [this.#keys.queueNames()], args);
  }

  #run(script: Script, queue: string, args: readonly string[]): Promise<unknown> {
    const keys = this.#keys.queue(queue, this.#hour());
    return this.#link.run(script, keys, [this.#clock.now(), ...args]);
  }

  #hour(): number {
    return Math.floor(Number(this.#clock.now()) / hourMs);
  }
}

/** Returns a capacity as the scripts read it: a number, `workers`, or `minute:capacity` for each change of a schedule. */
function capacityText(capacity: QueueSettings["capacity"]): string {
  if (typeof capacity !== "object") return String(capacity);
  return capacity.weekly.map((change) => `${change.minute}:${change.capacity}`).join(" ");
}

function chunked(items: readonly string[]): string[][] {
  const parts: string[][] = [[]];
  for (let at = 0; at < items.length; at += maxPerScript) {
    parts[at / maxPerScript] = items.slice(at, at + maxPerScript);
  }
  return parts;
}
