import type { Appended, LogPolicy, NewEntry, Random } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import { AppendGroup, type GroupOutcome } from "./append-group.ts";
import type { Keys } from "./keys.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

/** Number of entries that one call appends at most. Redis does nothing else while a script runs. */
const maxEntries = 128;
/** Number of characters of data from which a call is sent without waiting for the end of the tick. */
const maxLength = 262_144;

/** Parts of the engine that {@link AppendCalls} uses. */
export interface AppendCallsParts {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly clock: RedisClock;
  readonly random: Random;
  /** Called after the appends of a group were answered. */
  readonly onOutcome: (outcome: GroupOutcome) => void;
  /** Called with an error of `onOutcome`, which fails no append. */
  readonly onError: (error: unknown) => void;
}

/**
 * Appends of one node, joined: those of a tick to all channels are one call of a script, and so one command, one answer and
 * for each log one read and one write of its metadata.
 *
 * Entries of a channel are appended in the order of the calls. On a cluster, and on a server that refuses keys of several hash
 * tags in one command, each channel has a call of its own.
 */
export class AppendCalls {
  readonly #parts: AppendCallsParts;
  /** Groups of the next call, in order. */
  #groups: AppendGroup[] = [];
  /** Last group of each channel among them. */
  readonly #latest = new Map<string, AppendGroup>();
  #entries = 0;
  #length = 0;
  #isScheduled = false;
  /** True if the server takes keys of several hash tags in one command; undefined until it was asked. */
  #takesSeveral: boolean | undefined;
  #isAsking = false;

  constructor(parts: AppendCallsParts) {
    this.#parts = parts;
    if (parts.link.publishCommand === "SPUBLISH") this.#takesSeveral = false;
  }

  append(channel: string, entry: NewEntry, policy: LogPolicy): Promise<Appended> {
    return new Promise((resolve, reject) => {
      let group = this.#latest.get(channel);
      if (group === undefined || group.policy !== policy) {
        group = new AppendGroup(channel, policy);
        this.#groups.push(group);
        this.#latest.set(channel, group);
      }
      group.add(entry, this.#parts.random, resolve, reject);
      this.#entries++;
      this.#length += entry.json.length;
      if (this.#entries >= maxEntries || this.#length >= maxLength) this.flush();
      else if (!this.#isScheduled) {
        this.#isScheduled = true;
        setImmediate(this.#flushScheduled);
      }
    });
  }

  readonly #flushScheduled = (): void => {
    this.#isScheduled = false;
    this.flush();
  };

  /** Sends what waits. Must be called before any other call that concerns a log. */
  flush(): void {
    const groups = this.#groups;
    if (groups.length === 0) return;
    this.#groups = [];
    this.#latest.clear();
    this.#entries = 0;
    this.#length = 0;
    if (groups.length === 1 || this.#takesSeveral === true) this.#send(groups);
    else {
      for (const group of groups) this.#send([group]);
      if (this.#takesSeveral === undefined) this.#ask(groups);
    }
  }

  #send(groups: readonly AppendGroup[]): void {
    const { link, keys: names, clock, random } = this.#parts;
    const keys: string[] = [];
    const args = [clock.now(), link.publishCommand as string];
    for (const group of groups) group.write(names, random, keys, args);
    link.run(scripts.append, keys, args).then(
      (answers) => this.#settle(groups, answers),
      (error: unknown) => {
        for (const group of groups) group.fail(error);
      },
    );
  }

  /** Settles every append of a call. Nobody knows what an answer that does not fit has stored, so it fails them. */
  #settle(groups: readonly AppendGroup[], answers: unknown): void {
    if (!Array.isArray(answers) || answers.length !== groups.length) {
      for (const group of groups) group.fail(misunderstood(answers));
      return;
    }
    const { onOutcome, onError } = this.#parts;
    for (const [index, group] of groups.entries()) {
      const outcome = group.settle(answers[index]);
      if (outcome === undefined) {
        group.fail(misunderstood(answers[index]));
        continue;
      }
      try {
        onOutcome(outcome);
      } catch (error) {
        onError(error);
      }
    }
  }

  /** Asks the server, by a call without entries, whether it takes keys of several hash tags. */
  #ask(groups: readonly AppendGroup[]): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { link, keys, clock } = this.#parts;
    const names = groups.flatMap(({ channel, policy }) => keys.log(channel, policy).slice(0, 1));
    link
      .run(scripts.append, names, [clock.now(), link.publishCommand])
      .then(
        () => {
          this.#takesSeveral = true;
        },
        (error: unknown) => {
          if (isCrossSlot(error)) this.#takesSeveral = false;
        },
      )
      .finally(() => {
        this.#isAsking = false;
      });
  }
}

function misunderstood(answer: unknown): MilepostError {
  const cause = new Error(`the answer is ${JSON.stringify(answer)?.slice(0, 200)}`);
  return new MilepostError(
    "store_unavailable",
    "Redis answered an append in a form that this version does not know; retry with the same key",
    { cause },
  );
}

function isCrossSlot(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && /^-?CROSSSLOT\b/.test(cause.message);
}
