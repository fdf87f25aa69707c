import { projectionNamed } from "@milepost/model";
import { endEvent, type Publication } from "@milepost/protocol";
import type {
  Appended,
  ChannelLog,
  LogPolicy,
  LogSlice,
  LogSnapshot,
  NewEntry,
} from "../ports/channel-log.ts";
import type { Cancel, Clock } from "../ports/clock.ts";
import type { OnTrimmed } from "../ports/engine.ts";
import type { Random } from "../ports/random.ts";
import { rollUpName } from "../roll-up.ts";
import { MemoryBudget } from "./memory-budget.ts";
import type { MemoryBus } from "./memory-bus.ts";
import { entryWeight, MemoryLog } from "./memory-log.ts";

const sweepIntervalMs = 15_000;

/** Options of a {@link MemoryChannelLog}. */
export interface MemoryLogOptions {
  /** Prefix of every epoch; default none. */
  readonly epochPrefix?: string;
  /** Bytes that all logs may take in memory; default 64 MiB. */
  readonly maxBytes?: number;
  /** Called when entries are dropped, with the reason and their number. */
  readonly onTrimmed?: OnTrimmed;
  /** Called when the logs begin or end to refuse entries for lack of room. */
  readonly onFull?: (isFull: boolean) => void;
}

/**
 * Logs of all channels of one process, kept in memory up to a budget. See {@link MemoryBudget} for what is dropped
 * first.
 */
export class MemoryChannelLog implements ChannelLog {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #bus: Pick<MemoryBus, "publish">;
  readonly #logs = new Map<string, MemoryLog>();
  readonly #epochPrefix: string;
  readonly #budget: MemoryBudget;
  readonly #onTrimmed: OnTrimmed;
  #sweep: Cancel | undefined;
  #closed = false;

  constructor(
    clock: Clock,
    random: Random,
    bus: Pick<MemoryBus, "publish">,
    { epochPrefix = "", maxBytes, onTrimmed = () => {}, onFull }: MemoryLogOptions = {},
  ) {
    this.#epochPrefix = epochPrefix;
    this.#onTrimmed = onTrimmed;
    this.#budget = new MemoryBudget(this.#logs, maxBytes, onTrimmed, onFull);
    this.#clock = clock;
    this.#random = random;
    this.#bus = bus;
  }

  /** Approximate number of bytes that all logs take in memory. */
  get bytes(): number {
    return this.#budget.bytes;
  }

  /** True while entries are refused for lack of room. */
  get isFull(): boolean {
    return this.#budget.isFull;
  }

  async append(channel: string, entry: NewEntry, policy: LogPolicy): Promise<Appended> {
    return this.#append(channel, entry, policy);
  }

  async read(
    channel: string,
    afterOffset: number,
    limit: number,
    policy: LogPolicy,
  ): Promise<LogSlice> {
    const log = this.#log(channel, policy);
    const before = log.weight;
    const slice = log.read(afterOffset, limit, policy, this.#clock.monotonic());
    this.#budget.changed(log.weight - before);
    return slice;
  }

  async find(channel: string, publisher: string, key: string): Promise<Publication | undefined> {
    return this.#living(channel)?.find(publisher, key, this.#clock.monotonic());
  }

  async snapshot(channel: string, policy: LogPolicy): Promise<LogSnapshot> {
    return this.#log(channel, policy).snapshot(policy, this.#clock.monotonic());
  }

  async peek(channel: string, policy: LogPolicy): Promise<LogSnapshot | undefined> {
    return this.#living(channel)?.snapshot(policy, this.#clock.monotonic());
  }

  async purge(channel: string): Promise<void> {
    const log = this.#logs.get(channel);
    if (log !== undefined) this.#delete(channel, log);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#sweep?.();
    this.#sweep = undefined;
    this.#logs.clear();
  }

  /** Does the whole append synchronously, so that nothing can happen between its parts. */
  #append(channel: string, entry: NewEntry, policy: LogPolicy): Appended {
    const log = this.#log(channel, policy);
    const monotonic = this.#clock.monotonic();
    const now = this.#clock.now();
    const known = log.known(entry, policy, monotonic);
    if (known !== undefined) return { publication: known, duplicate: true };
    const { rollUp } = policy;
    const copies = rollUp === undefined ? 1 : 2;
    // A text with other characters than Latin ones takes two bytes for each.
    this.#budget.reserve((entry.json.length * 2 + entryWeight) * copies);
    const before = log.weight;
    const appended = log.append(entry, policy, monotonic, now);
    this.#budget.changed(log.weight - before);
    if (rollUp === undefined || entry.event === endEvent) {
      this.#bus.publish(appended.publication);
      return appended;
    }
    const { key: _key, tag: _tag, claim: _claim, rollUpTag, ...unkeyed } = entry;
    const copied = rollUpTag === undefined ? unkeyed : { ...unkeyed, tag: rollUpTag };
    const above = this.#log(rollUpName(channel, rollUp.segments), rollUp.policy);
    const weightAbove = above.weight;
    const copy = above.append(copied, rollUp.policy, monotonic, now, channel);
    this.#budget.changed(above.weight - weightAbove);
    // Both entries must be in their logs before a listener hears of either.
    this.#bus.publish(appended.publication);
    this.#bus.publish(copy.publication);
    return appended;
  }

  #log(channel: string, policy: LogPolicy): MemoryLog {
    const existing = this.#living(channel);
    if (existing !== undefined) return existing;
    const projection =
      policy.projection === undefined ? undefined : projectionNamed(policy.projection);
    const monotonic = this.#clock.monotonic();
    const log = new MemoryLog(
      channel,
      policy,
      projection,
      this.#random,
      monotonic,
      this.#epochPrefix,
      this.#onTrimmed,
    );
    this.#budget.reserve(log.weight);
    this.#logs.set(channel, log);
    this.#budget.changed(log.weight);
    this.#sweepLater();
    return log;
  }

  /**
   * Returns a channel's log unless it has expired. Checking this here makes the result independent of when the
   * periodic sweep runs.
   */
  #living(channel: string): MemoryLog | undefined {
    const log = this.#logs.get(channel);
    if (log === undefined || !this.#expire(log)) return log;
    this.#delete(channel, log);
    return undefined;
  }

  #expire(log: MemoryLog): boolean {
    const before = log.weight;
    const isOver = log.expire(this.#clock.monotonic());
    this.#budget.changed(log.weight - before);
    return isOver;
  }

  #delete(channel: string, log: MemoryLog): void {
    this.#logs.delete(channel);
    this.#budget.changed(-log.weight);
  }

  #sweepLater(): void {
    if (this.#sweep !== undefined || this.#closed) return;
    this.#sweep = this.#clock.after(sweepIntervalMs, () => {
      this.#sweep = undefined;
      for (const [channel, log] of this.#logs) {
        if (this.#expire(log)) this.#delete(channel, log);
      }
      if (this.#logs.size > 0) this.#sweepLater();
    });
  }
}
