import {
  type Appended,
  compactedLogFull,
  type IdClaim,
  isOwned,
  type LogPolicy,
  maxBytesOf,
  maxIdsOf,
  type NewEntry,
  notReplaceable,
  optionalFields,
  type Random,
  rollUpName,
  shownPublisher,
} from "@milepost/engine";
import { endEvent, MilepostError, type Publication } from "@milepost/protocol";
import type { Keys } from "./keys.ts";
import { publisherPart, tracePart, unpackEntry } from "./packed-entry.ts";

const epochLength = 10;
const tagLength = 8;

/** Entries after the stored state, and what was dropped, after the appends of a group. */
export interface GroupOutcome {
  readonly channel: string;
  readonly policy: LogPolicy;
  readonly trimmed: number;
  readonly trimmedByBytes: number;
  /** Number of entries after the stored state, and bytes of their data; undefined where the script has not looked. */
  readonly unfolded: { readonly entries: number; readonly bytes: number } | undefined;
  /** True when so much waits to be folded that an entry was refused. */
  readonly isBehind: boolean;
}

interface Waiting {
  readonly entry: NewEntry;
  readonly tag: string;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
}

/** Answer of the script for a group. */
interface GroupAnswer {
  readonly summary: readonly string[];
  /** Position in the group, outcome and text of each entry that was not stored, one after the other. */
  readonly others: readonly unknown[];
}

/** Entries that are appended to one log in one step, in order. */
export class AppendGroup {
  readonly channel: string;
  readonly policy: LogPolicy;
  readonly #waiting: Waiting[] = [];
  #isKeyed = false;
  #isSpecial = false;

  constructor(channel: string, policy: LogPolicy) {
    this.channel = channel;
    this.policy = policy;
  }

  add(
    entry: NewEntry,
    random: Random,
    resolve: (appended: Appended) => void,
    reject: (error: unknown) => void,
  ): void {
    const { key, claim, compaction, event, tag = random.id(tagLength) } = entry;
    if (key !== undefined) this.#isKeyed = true;
    if (claim !== undefined || compaction !== undefined || event === endEvent) {
      this.#isSpecial = true;
    }
    this.#waiting.push({ entry, tag, resolve, reject });
  }

  /** Adds the keys and arguments of the group to those of a call of `append.lua`. */
  write(names: Keys, random: Random, keys: string[], args: string[]): void {
    const { channel, policy } = this;
    const { rollUp } = policy;
    keys.push(...names.log(channel, policy));
    const isKeyed = this.#isKeyed;
    const isSpecial = this.#isSpecial;
    const letters = `${isKeyed ? "k" : ""}${isSpecial ? "s" : ""}${rollUp === undefined ? "" : "r"}`;
    args.push(
      String(this.#waiting.length),
      random.id(epochLength),
      keptText(policy) + letters,
      names.bus(channel, policy),
    );
    if (rollUp !== undefined) {
      const name = rollUpName(channel, rollUp.segments);
      keys.push(...names.log(name, rollUp.policy));
      args.push(random.id(epochLength), keptText(rollUp.policy), names.bus(name, rollUp.policy));
    }
    for (const { entry, tag } of this.#waiting) {
      const { event, key, publisher, json, traceparent, priority = "-" } = entry;
      const signed = entry.sig === undefined ? "" : ` sig=${entry.sig}`;
      const more = traceparent === undefined ? signed : `${signed}${tracePart(traceparent)}`;
      const isEnd = event === endEvent;
      const by = policy.showsPublisher === true && !isEnd ? publisherPart(publisher) : "";
      args.push(tag, `${priority} ${event}${more}${by}\n${json}`);
      if (isKeyed) {
        if (key === undefined) args.push("");
        else {
          keys.push(names.dedupe(channel, policy, publisher, key));
          args.push(String(policy.dedupeMs));
        }
      }
      if (isSpecial) {
        args.push(isEnd ? "1" : "", replacedText(entry), claimText(entry.claim, publisher, policy));
      }
      if (rollUp !== undefined) {
        const shown = rollUp.policy.showsPublisher === true ? publisherPart(publisher) : "";
        args.push(
          entry.rollUpTag ?? random.id(tagLength),
          `${priority} ${event} ${channel}${more}${shown}`,
        );
      }
    }
  }

  /**
   * Settles the appends with the script's answer for the group. Returns undefined for an answer that cannot be understood;
   * some of the appends are not settled then.
   */
  settle(answer: unknown): GroupOutcome | undefined {
    const { channel, policy } = this;
    const { summary, others } = groupAnswer(answer) ?? {};
    if (summary === undefined || others === undefined) return undefined;
    const [epoch = "", first = "", before = "", at = "", trimmed, byBytes, entries, bytes] =
      summary;
    const ts = Number(at);
    let offset = Number(first);
    let previousTag = before;
    let next = 0;
    let isBehind = false;
    for (const [index, { entry, tag, resolve, reject }] of this.#waiting.entries()) {
      if (others[next] === index + 1) {
        const outcome = Number(others[next + 1]);
        const text = String(others[next + 2]);
        next += 3;
        if (outcome === 1) {
          const publication = unpackEntry(channel, text);
          if (!isOffset(publication.position.offset)) return undefined;
          resolve({ publication, duplicate: true });
        } else reject(refusalOf(outcome, channel, text));
        isBehind ||= outcome === 3;
        continue;
      }
      // A group of which nothing was stored has the offset 0.
      if (!isOffset(offset)) return undefined;
      const { event, json } = entry;
      const publication: Publication = {
        channel,
        position: { epoch, offset, tag },
        previousTag,
        event,
        json,
        ts,
        ...optionalFields(entry, policy, undefined),
      };
      resolve({ publication, duplicate: false });
      previousTag = tag;
      offset++;
    }
    return {
      channel,
      policy,
      trimmed: Number(trimmed),
      trimmedByBytes: Number(byBytes),
      unfolded: entries === "-" ? undefined : { entries: Number(entries), bytes: Number(bytes) },
      isBehind,
    };
  }

  /** Rejects all appends of the group. */
  fail(error: unknown): void {
    for (const { reject } of this.#waiting) reject(error);
  }
}

/** Number of parts of a summary. */
const summaryParts = 8;

/** Reads the answer of the script; undefined for anything that is none. */
function groupAnswer(answer: unknown): GroupAnswer | undefined {
  const [text, ...others] = Array.isArray(answer) ? (answer as readonly unknown[]) : [answer];
  if (typeof text !== "string") return undefined;
  const summary = text.split(" ");
  return summary.length === summaryParts ? { summary, others } : undefined;
}

function isOffset(offset: number): boolean {
  return Number.isSafeInteger(offset) && offset > 0;
}

function refusalOf(outcome: number, channel: string, text: string): MilepostError {
  switch (outcome) {
    case 2:
      return new MilepostError("ended", `${channel} has ended; publish to another channel`);
    case 3:
      return new MilepostError(
        "store_full",
        `the state of ${channel} is behind its entries; retry later`,
        { retryAfterMs: 1_000 },
      );
    case 4:
      return compactedLogFull(channel);
    case 5:
      return notReplaceable(channel);
    case 6:
      return isOwned(text);
    default:
      return new MilepostError("store_unavailable", "Redis refused the command", {
        cause: new Error(text),
      });
  }
}

/** Returns what an entry replaces, as `append.lua` expects it. */
function replacedText({ compaction }: NewEntry): string {
  if (compaction === undefined) return "";
  const { replaces } = compaction;
  return replaces === undefined ? "+" : `${replaces.epoch} ${replaces.offset} ${replaces.tag}`;
}

/** Returns the claim of an id as `append.lua` expects it. */
function claimText(claim: IdClaim | undefined, publisher: string, policy: LogPolicy): string {
  if (claim === undefined) return "";
  const { id = "", anyOwner } = claim;
  return `${anyOwner ? "any" : "own"} ${maxIdsOf(policy)} ${shownPublisher(publisher)} ${id}`;
}

const keptTexts = new WeakMap<LogPolicy, string>();

/** Returns what a log keeps, as one argument of `append.lua`. */
function keptText(policy: LogPolicy): string {
  let text = keptTexts.get(policy);
  if (text === undefined) {
    const { maxEntries, maxAgeMs, compacted } = policy;
    const kind = policy.projection !== undefined ? "1" : compacted ? "2" : "0";
    text = `${maxEntries} ${maxAgeMs} ${maxBytesOf(policy)} ${kind}`;
    keptTexts.set(policy, text);
  }
  return text;
}
