import {
  type Appended,
  type ChannelLog,
  type Clock,
  type LogPolicy,
  type LogSlice,
  type LogSnapshot,
  localEpochPrefix,
  MemoryChannelLog,
  type NewEntry,
  type Random,
} from "@milepost/engine";
import { endEvent, MilepostError, type Publication } from "@milepost/protocol";
import type { Outage } from "./outage.ts";
import { ShownTags } from "./shown-entries.ts";
import { shownSlice, shownSnapshot } from "./shown-publishers.ts";

/** Bytes that the local logs of a node may take in memory during an outage: 16 MiB. */
const maxLocalBytes = 16 * 1_048_576;

/** Parts of the node that an {@link OutageLog} uses. */
export interface OutageLogParts {
  readonly log: ChannelLog;
  readonly outage: Outage;
  readonly clock: Clock;
  readonly random: Random;
  /** Receives each publication that was appended to a local log of the node. */
  readonly onPublication: (publication: Publication) => void;
}

/**
 * Channel logs of a node, during outages of its store too.
 *
 * During an outage the node is read-only: appends reject with `store_unavailable` before they are sent.
 * Channels that continue locally use logs in the node's memory until the store is back, each with an epoch of
 * its own.
 */
export class OutageLog implements ChannelLog {
  readonly #parts: OutageLogParts;
  readonly #tags: ShownTags;
  #local: MemoryChannelLog | undefined;

  constructor(parts: OutageLogParts) {
    this.#parts = parts;
    this.#tags = new ShownTags((length) => parts.random.id(length));
  }

  append(channel: string, entry: NewEntry, policy: LogPolicy): Promise<Appended> {
    // The end of a channel is permanent, so it must not go to a local log, which is forgotten when the store is
    // back.
    const mayBeLocal = policy.goesOnLocally === true && entry.event !== endEvent;
    // Every publish passes here, so it gets no promise beside that of the log.
    if (this.#parts.outage.isOn && !mayBeLocal) return Promise.reject(isReadOnly());
    const log = this.#logOf(policy);
    if (log === this.#parts.log || policy.isAppendedLater !== true) {
      return log.append(channel, entry, policy);
    }
    // Readers recognise the entry by this tag when it is in the log.
    const tag = this.#tags.next();
    return log.append(channel, { ...entry, tag, rollUpTag: tag }, policy);
  }

  async read(
    channel: string,
    afterOffset: number,
    limit: number,
    policy: LogPolicy,
  ): Promise<LogSlice> {
    return shownSlice(await this.#logOf(policy).read(channel, afterOffset, limit, policy), policy);
  }

  async snapshot(channel: string, policy: LogPolicy): Promise<LogSnapshot> {
    return shownSnapshot(await this.#logOf(policy).snapshot(channel, policy), policy);
  }

  async peek(channel: string, policy: LogPolicy): Promise<LogSnapshot | undefined> {
    return shownSnapshot(await this.#logOf(policy).peek(channel, policy), policy);
  }

  find(
    channel: string,
    publisher: string,
    key: string,
    policy: LogPolicy,
  ): Promise<Publication | undefined> {
    return this.#logOf(policy).find(channel, publisher, key, policy);
  }

  recall(channel: string, policy: LogPolicy): LogSnapshot | undefined {
    return this.#parts.log.recall?.(channel, policy);
  }

  async purge(channel: string, policy: LogPolicy): Promise<void> {
    if (this.#parts.outage.isOn) throw isReadOnly();
    await this.#parts.log.purge(channel, policy);
  }

  /** Forgets the local logs of the node, since the store is back or the node closes. */
  forgetLocal(): void {
    void this.#local?.close();
    this.#local = undefined;
  }

  async close(): Promise<void> {
    this.forgetLocal();
    await this.#parts.log.close();
  }

  #logOf({ goesOnLocally }: LogPolicy): ChannelLog {
    const { log, outage, clock, random, onPublication } = this.#parts;
    if (goesOnLocally !== true || !outage.isOn) return log;
    this.#local ??= new MemoryChannelLog(
      clock,
      random,
      { publish: onPublication },
      { epochPrefix: localEpochPrefix, maxBytes: maxLocalBytes },
    );
    return this.#local;
  }
}

/** Returns the policy of calls that must reach the log of the store, whatever the rule says of outages. */
export function inTheLog({ goesOnLocally: _, ...policy }: LogPolicy): LogPolicy {
  return policy;
}

/** Returns the error that refuses a write on a node without its store. */
export function isReadOnly(): MilepostError {
  return new MilepostError(
    "store_unavailable",
    "this node cannot reach its store at present; try again",
  );
}
