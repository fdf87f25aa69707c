import {
  type Deliveries,
  type DeliveryBounds,
  type FurtherAttempt,
  requireDeliveryFits,
  type TakenDelivery,
  tooManyDeliveries,
  type WaitingDelivery,
} from "@milepost/engine";
import type { Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

/** Deliveries of all nodes. Everything is in one hash slot, so that each change is one atomic step. */
export class RedisDeliveries implements Deliveries {
  readonly #link: RedisLink;
  readonly #keys: readonly string[];
  readonly #clock: RedisClock;

  constructor(link: RedisLink, keys: Keys, clock: RedisClock) {
    this.#link = link;
    this.#keys = keys.deliveries();
    this.#clock = clock;
  }

  async add(
    id: string,
    content: string,
    dueInMs: number,
    { maxWaiting }: DeliveryBounds,
  ): Promise<boolean> {
    requireDeliveryFits(id, content);
    const now = this.#clock.now();
    const args = [now, id, content, later(now, dueInMs), String(maxWaiting)];
    const answer = await this.#link.run(scripts.deliveryAdd, this.#keys, args);
    if (answer === -1) throw tooManyDeliveries();
    return answer === 1;
  }

  async take(limit: number, leaseMs: number): Promise<readonly TakenDelivery[]> {
    const now = this.#clock.now();
    const args = [now, String(limit), later(now, leaseMs)];
    const found = (await this.#link.run(scripts.deliveryTake, this.#keys, args)) as string[];
    const taken: TakenDelivery[] = [];
    for (let i = 0; i + 3 < found.length; i += 4) {
      const [id = "", content = "", attempt = "", claim = ""] = found.slice(i, i + 4).map(String);
      taken.push({ id, content, attempt: Number(attempt), claim });
    }
    return taken;
  }

  async settle(
    { id, claim }: Pick<TakenDelivery, "id" | "claim">,
    further: FurtherAttempt | undefined,
    { maxWaiting, keepMs }: DeliveryBounds,
  ): Promise<boolean> {
    requireDeliveryFits(id, further?.content);
    const now = this.#clock.now();
    const dueAt = further === undefined ? "" : later(now, further.dueInMs);
    const args = [now, id, claim, dueAt, further?.content ?? "", later(now, keepMs)];
    const settled = await this.#link.run(scripts.deliverySettle, this.#keys, [
      ...args,
      String(maxWaiting),
    ]);
    return settled === 1;
  }

  async list(limit: number, skip = 0): Promise<readonly WaitingDelivery[]> {
    const now = this.#clock.now();
    const args = [String(limit), String(skip)];
    const answer = await this.#link.run(scripts.deliveryList, this.#keys, args);
    const found = (answer as string[]).map(String);
    const waiting: WaitingDelivery[] = [];
    for (let i = 0; i + 3 < found.length; i += 4) {
      const [id = "", content = "", take = "", dueAt = ""] = found.slice(i, i + 4);
      const [attempts, claim = "-"] = take.split(" ");
      const dueInMs = Number(dueAt) - Number(now);
      const isTaken = claim !== "-" && dueInMs > 0;
      waiting.push({ id, content, attempts: Number(attempts), dueInMs, isTaken });
    }
    return waiting;
  }

  async hasten(id: string): Promise<boolean> {
    const args = [this.#clock.now(), id];
    return (await this.#link.run(scripts.deliveryHasten, this.#keys, args)) === 1;
  }

  async count(): Promise<number> {
    return Number(await this.#link.run(scripts.deliveryCount, this.#keys, []));
  }
}

function later(now: string, ms: number): string {
  return (Number(now) + Math.ceil(ms)).toFixed(0);
}
