import { MilepostError } from "@milepost/protocol";
import type { Endpoint } from "./redis-address.ts";
import { maxQueued } from "./server-connection.ts";

/** A call that is redirected more often than this finds no owner of its slot. */
export const maxRedirects = 5;

/** Map of a cluster, as its calls need it. */
export interface SlotMap<Master> {
  /** Master of a slot by the map read last; undefined while no connection leads to it. */
  masterOf(slot: number): Master | undefined;
  /** Resolves when a map is there that was read since `from` redirected a call; rejects when no map can be read. */
  follow(slot: number, from: Master, to: Endpoint): Promise<void>;
}

interface Call<Master> {
  /** Place in the order of all calls. */
  readonly number: number;
  readonly send: (master: Master) => Promise<unknown>;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  redirects: number;
}

interface SlotQueue<Master> {
  readonly slot: number;
  /** Master that has all calls which were sent and are unanswered. */
  master: Master;
  unanswered: number;
  /** Sequence number of the latest call that is known to have run. */
  lastRun: number;
  /** Whether later calls wait. */
  isHeld: boolean;
  /** Calls that wait: redirected ones, and those that came after. */
  waiting: Call<Master>[];
}

/**
 * Sends calls to the masters of a cluster, and keeps the order of the calls of one slot when the slot moves.
 *
 * Calls of one slot are pipelined to its master. They are unanswered at one master at a time: when a call is redirected,
 * or the map names another master, later calls wait until the old master has answered all earlier ones or its connection
 * has failed. So the deadline of that connection bounds the wait. Then the redirected calls go to the new master, and
 * the waiting ones after them. A redirected call is rejected where a later call of its slot has run already.
 *
 * An idle slot takes no memory. At most `maxWaiting` calls wait, over all slots; more are rejected, and were not sent.
 * Every rejection is `store_unavailable`.
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

  /** Sends a call to the master of its slot, again after each redirect, and settles as its last answer does. */
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

  /** A redirected call counts as unanswered until the map has been read. */
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
      // A slot that came back between two calls, or reached its new master between them, lets the later one run first.
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
