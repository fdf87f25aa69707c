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
import type { Random } from "../ports/random.ts";
import { rollUpName } from "../roll-up.ts";
import type { MemoryBus } from "./memory-bus.ts";
import { MemoryLog } from "./memory-log.ts";

const sweepIntervalMs = 15_000;

/** Logs of all channels of one process, kept in memory. */
export class MemoryChannelLog implements ChannelLog {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #bus: Pick<MemoryBus, "publish">;
  readonly #logs = new Map<string, MemoryLog>();
  readonly #epochPrefix: string;
  #sweep: Cancel | undefined;
  #closed = false;

  constructor(clock: Clock, random: Random, bus: Pick<MemoryBus, "publish">, epochPrefix = "") {
    this.#epochPrefix = epochPrefix;
    this.#clock = clock;
    this.#random = random;
    this.#bus = bus;
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
    return this.#log(channel, policy).read(afterOffset, limit, policy, this.#clock.monotonic());
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
    this.#logs.delete(channel);
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
    const appended = log.append(entry, policy, monotonic, now);
    if (appended.duplicate) return appended;
    const { rollUp } = policy;
    if (rollUp === undefined || entry.event === endEvent) {
      this.#bus.publish(appended.publication);
      return appended;
    }
    const { key: _key, tag: _tag, ...unkeyed } = entry;
    const copy = this.#log(rollUpName(channel, rollUp.segments), rollUp.policy).append(
      unkeyed,
      rollUp.policy,
      monotonic,
      now,
      channel,
    );
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
    );
    this.#logs.set(channel, log);
    this.#sweepLater();
    return log;
  }

  /**
   * Returns a channel's log unless it has expired. Checking this here makes the result independent of when the
   * periodic sweep runs.
   */
  #living(channel: string): MemoryLog | undefined {
    const log = this.#logs.get(channel);
    if (log === undefined || !log.expire(this.#clock.monotonic())) return log;
    this.#logs.delete(channel);
    return undefined;
  }

  #sweepLater(): void {
    if (this.#sweep !== undefined || this.#closed) return;
    this.#sweep = this.#clock.after(sweepIntervalMs, () => {
      this.#sweep = undefined;
      const monotonic = this.#clock.monotonic();
      for (const [channel, log] of this.#logs) {
        if (log.expire(monotonic)) this.#logs.delete(channel);
      }
      if (this.#logs.size > 0) this.#sweepLater();
    });
  }
}
