import {
  type Appended,
  type ChannelLog,
  type Clock,
  isLocal,
  type LogPolicy,
  type NewEntry,
  type Random,
  SerialQueues,
} from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import { inTheLog } from "../store/outage-log.ts";
import { tagOfAttempt } from "../store/shown-entries.ts";
import { isAway, noRoom, repeatable, type Spool } from "./spool.ts";

const retryMs = 250;
/** Time that readers wait after an outage for what they were shown to be in the log, in milliseconds. */
const settleMs = 5_000;

/** Parts of the node that {@link LaterAppends} uses. */
export interface LaterAppendsParts {
  readonly log: Pick<ChannelLog, "append">;
  readonly outage: { readonly isOn: boolean };
  readonly spool: Spool;
  readonly clock: Clock;
  readonly random: Random;
  readonly pause: (ms: number) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/**
 * Appends to channels whose rule shows entries locally during an outage and appends them afterwards.
 *
 * During an outage an entry goes to the node's local log, whose readers see it at once. It then waits in the spool
 * until the store is back, and is appended under the same key, in the order of its channel. It is dropped once it is
 * older than the channel keeps entries. A node that ends during the outage loses what waits.
 */
export class LaterAppends {
  readonly #parts: LaterAppendsParts;
  readonly #queues = new SerialQueues();
  /** Entries that were shown and are not in the log yet. */
  readonly #waiting = new Set<Promise<void>>();
  #closed = false;

  constructor(parts: LaterAppendsParts) {
    this.#parts = parts;
  }

  /** Returns an append of one entry, which must have a key, that can be repeated while the store is unavailable. */
  of(name: string, entry: NewEntry, policy: LogPolicy): () => Promise<Appended> {
    const { log, outage, random } = this.#parts;
    const kept = inTheLog(policy);
    const append = repeatable((tag) => log.append(name, { ...entry, tag }, kept), entry, random);
    return () => {
      if (outage.isOn) return this.#show(name, entry, policy);
      // What was shown before is appended first.
      return this.#queues.isBusy(name) ? this.#queues.run(name, append) : append();
    };
  }

  /** Resolves once everything that was shown is in the log, or after 5 s. */
  async settled(): Promise<void> {
    if (this.#waiting.size === 0) return;
    await Promise.race([Promise.allSettled(this.#waiting), this.#parts.pause(settleMs)]);
  }

  /** Stops the retries, since the node is about to close its store. */
  close(): void {
    this.#closed = true;
  }

  async #show(name: string, entry: NewEntry, policy: LogPolicy): Promise<Appended> {
    const { log, spool, onError } = this.#parts;
    const { length } = entry.json;
    if (!spool.enter(length)) throw noRoom(name);
    let waits = false;
    try {
      const appended = await log.append(name, entry, policy);
      const { publication, duplicate } = appended;
      waits = isLocal(publication.position) && !duplicate;
      if (waits) {
        const { tag } = publication.position;
        const appending = this.#queues
          .run(name, () => this.#appendLater(name, entry, policy, tag))
          .catch(onError)
          .finally(() => {
            spool.leave(length);
            this.#waiting.delete(appending);
          });
        this.#waiting.add(appending);
      }
      return appended;
    } finally {
      if (!waits) spool.leave(length);
    }
  }

  async #appendLater(
    name: string,
    entry: NewEntry,
    policy: LogPolicy,
    shownTag: string,
  ): Promise<void> {
    const { log, outage, clock, random, pause } = this.#parts;
    const kept = inTheLog(policy);
    const since = clock.monotonic();
    while (!this.#closed) {
      try {
        if (!outage.isOn) {
          const tag = tagOfAttempt(shownTag, (length) => random.id(length));
          await log.append(name, { ...entry, tag, rollUpTag: tag }, kept);
          return;
        }
      } catch (error) {
        if (!isAway(error)) throw error;
      }
      if (clock.monotonic() - since >= policy.maxAgeMs) throw tooOld(name);
      await pause(retryMs);
    }
  }
}

function tooOld(channel: string): MilepostError {
  return new MilepostError(
    "store_unavailable",
    `an entry of ${channel} was shown locally and is too old to be appended; readers at other nodes never saw it`,
  );
}
