import { MilepostError } from "@milepost/protocol";
import type { Endpoint } from "./redis-address.ts";
import { maxQueued } from "./server-connection.ts";

/** Maximum number of redirects of one call. A call that is redirected once more is rejected. */
export const maxRedirects = 5;

/** View of the cluster map that {@link SlotQueues} needs. */
export interface SlotMap<Master> {
  /**
   * Returns the master of a slot according to the map read last; undefined while there is no connection to that
   * master.
   */
  masterOf(slot: number): Master | undefined;
  /**
   * Resolves once a map has been read after `from` redirected a call of the slot to `to`. Rejects when no map
   * can be read.
   */
  follow(slot: number, from: Master, to: Endpoint): Promise<void>;
}

interface Call<Master> {
  /** Sequence number of the call, in the order in which all calls were made. */
  readonly number: number;
  readonly send: (master: Master) => Promise<unknown>;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  redirects: number;
}

interface SlotQueue<Master> {
  readonly slot: number;
  /** Master to which all unanswered calls of this slot were sent. */
  master: Master;
  unanswered: number;
  /** Sequence number of the latest call that is known to have run. */
  lastRun: number;
  /** True while later calls must wait. */
  isHeld: boolean;
  /** Waiting calls: those that were redirected, and those that were made later. */
  waiting: Call<Master>[];
}

/**
 * Sends calls to the masters of a cluster, and keeps the order of the calls of one slot when the slot moves.
 *
 * Calls of one slot are pipelined to its master. Only one master at a time has unanswered calls of a slot: when
 * a call is redirected, or the map names another master, later calls wait. They wait until the old master has
 * answered all earlier calls or its connection has failed, so the deadline of that connection limits the wait.
 * Then the redirected calls go to the new master, and the waiting calls after them. A redirected call is
 * rejected when a later call of its slot has already run.
 *
 * An idle slot takes no memory. While `maxWaiting` calls wait, over all slots, a new call that would have to
 * wait is rejected without being sent. Every rejection is `store_unavailable`.
 */
export class SlotQueues<Master> {
  readonly #map: SlotMap<Master>;
  readonly #maxWaiting: number;
  /** Queues of the slots that have unanswered calls. */
  readonly #queues = new Map<number, SlotQueue<Master>>();
  #waiting = 0;
  #calls = 0;

  constructor(map: SlotMap<Master>, maxWaiting = maxQueued) {
    this.#map = map;
    this.#maxWaiting = maxWaiting;
  }

  /** Sends a call to the master of its slot, and again after each redirect. Settles with the last answer. */
  run<T>(slot: number, send: (master: Master) => Promise<T>): Promise<T> {
    return new Promise<unknown>((resolve, reject) => {
      const call = { number: ++this.#calls, send, resolve, reject, redirects: 0 };
      const master = this.#map.masterOf(slot);
      const queue = this.#queues.get(slot);
      if (queue === undefined) {
        if (master === undefined) reject(noOwner());
        else this.#send(this.#open(slot, master), call);
      } else if (queue.isHeld || queue.master !== master) this.#hold(queue, call);
      else this.#send(queue, call);
    }) as Promise<T>;
  }

  #open(slot: number, master: Master): SlotQueue<Master> {
    const queue = { slot, master, unanswered: 0, lastRun: 0, isHeld: false, waiting: [] };
    this.#queues.set(slot, queue);
    return queue;
  }

  #hold(queue: SlotQueue<Master>, call: Call<Master>): void {
    if (this.#waiting >= this.#maxWaiting) {
      call.reject(
        new MilepostError("store_unavailable", "too many calls wait for moving slots; retry later"),
      );
      return;
    }
    queue.isHeld = true;
    queue.waiting.push(call);
    this.#waiting++;
  }

  #send(queue: SlotQueue<Master>, call: Call<Master>): void {
    queue.unanswered++;
    call.send(queue.master).then(
      (answer) => {
        if (call.number > queue.lastRun) queue.lastRun = call.number;
        call.resolve(answer);
        this.#onAnswered(queue);
      },
      (error: unknown) => void this.#onError(queue, call, error),
    );
  }

  /**
   * Redirects or rejects a call that failed. A redirected call counts as unanswered until the map has been
   * read.
   */
  async #onError(queue: SlotQueue<Master>, call: Call<Master>, error: unknown): Promise<void> {
    const to = movedTo(error);
    if (to === undefined || call.redirects >= maxRedirects) call.reject(error);
    else {
      call.redirects++;
      queue.isHeld = true;
      try {
        await this.#map.follow(queue.slot, queue.master, to);
        queue.waiting.push(call);
        this.#waiting++;
      } catch (cause) {
        call.reject(noOwner(cause));
      }
    }
    this.#onAnswered(queue);
  }

  #onAnswered(queue: SlotQueue<Master>): void {
    queue.unanswered--;
    if (queue.unanswered > 0) return;
    if (queue.waiting.length > 0) this.#sendWaiting(queue);
    if (queue.unanswered === 0) this.#queues.delete(queue.slot);
  }

  #sendWaiting(queue: SlotQueue<Master>): void {
    const calls = queue.waiting.sort((a, b) => a.number - b.number);
    queue.waiting = [];
    queue.isHeld = false;
    this.#waiting -= calls.length;
    const master = this.#map.masterOf(queue.slot);
    for (const call of calls) {
      if (master === undefined) call.reject(noOwner());
      // A master that became the owner between two calls has redirected the earlier one and run the later one.
      else if (call.number < queue.lastRun) call.reject(overtaken());
      else {
        queue.master = master;
        this.#send(queue, call);
      }
    }
  }
}

/**
 * Returns the endpoint that Redis redirects to, if the error is a redirect. Redis has then not run the command.
 */
export function movedTo(error: unknown): Endpoint | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  const [, host, port] =
    /^MOVED \d+ (.*):(\d+)$/.exec(cause instanceof Error ? cause.message : "") ?? [];
  return host === undefined ? undefined : { host, port: Number(port) };
}

export function noOwner(cause?: unknown): MilepostError {
  const message = "no master of the Redis cluster serves this hash slot now; try again";
  return new MilepostError("store_unavailable", message, { cause });
}

function overtaken(): MilepostError {
  return new MilepostError(
    "store_unavailable",
    "the hash slot of this call moved, and a later call ran first; try again",
  );
}
