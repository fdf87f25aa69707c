import type { Clock, Inbox, LogSlice, OperationIndex, Seen, SeenPosition } from "@milepost/engine";
import {
  type Digest,
  type DigestOperation,
  type DigestTotals,
  type OperationSummary,
  personalChannel,
  type SeenReport,
  type SeenUpTo,
} from "@milepost/model";
import { formatPosition, idRule, isId, MilepostError, type Publication } from "@milepost/protocol";
import { inboxOf } from "../inbox/inbox-item.ts";
import { operationChannel } from "../operations/operation-log.ts";
import { operationAgeMs } from "../rules/default-rules.ts";
import type { Principal } from "../rules/principal.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import { requireService } from "../rules/service-scopes.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";
import type { CoreLimits } from "../runtime/limits.ts";
import type { LogReader } from "../store/shared-reads.ts";
import type { Digests } from "./digest-api.ts";
import { DigestFold } from "./digest-fold.ts";
import { readSeen } from "./digest-input.ts";

/** Entries of one log that are read at once; at most so many pages after the last position, and then the end of the log. */
const pageEntries = 500;
const maxPages = 4;
const endEntries = 50;
const channelsAtOnce = 10;
/** Time by which the clocks of nodes may differ. What is as young as this is counted again rather than left out. */
const skewMs = 5_000;

/** Parts of the node that {@link DigestService} uses. */
export interface DigestParts {
  readonly inbox: Pick<Inbox, "list" | "see" | "seen">;
  readonly operations: Pick<OperationIndex, "list">;
  readonly reads: Pick<LogReader, "read">;
  readonly rules: RuleBook;
  readonly clock: Clock;
  readonly limits: CoreLimits;
  readonly instruments: Pick<CoreInstruments, "digests">;
}

/** Entries of one log that a person has not seen. */
interface Unseen {
  readonly entries: readonly Publication[];
  /** Last position of the log; undefined if there is none. */
  readonly head: string | undefined;
  /** True if entries are missing: the log has dropped them, or there are too many. */
  readonly more: boolean;
}

/**
 * Digests, folded from the logs of a user's operations and the user's channel when they are asked for. Nothing is kept
 * but how far the user has seen: a time, and the positions of channels.
 *
 * An entry counts as seen if it is not after the position of its channel, or not younger than the time. Both only move
 * forward, so a device that knows less never brings back what another one has shown.
 */
export class DigestService implements Digests {
  readonly #parts: DigestParts;
  /** Digests that are being folded, by user: a person with many pages asks once. */
  readonly #running = new Map<string, Promise<Digest>>();

  constructor(parts: DigestParts) {
    this.#parts = parts;
  }

  async get(principal: Principal, user: string): Promise<Digest> {
    authorise(principal, user);
    const running = this.#running.get(user);
    if (running !== undefined) return running;
    const folding = this.#fold(user).finally(() => this.#running.delete(user));
    this.#running.set(user, folding);
    return folding;
  }

  async seen(principal: Principal, user: string, input: SeenReport): Promise<SeenUpTo> {
    authorise(principal, user);
    const { clock, inbox, limits } = this.#parts;
    const now = clock.now();
    const terms = { now, skewMs, maxOperations: limits.maxDigestOperations };
    const report = readSeen(input, user, terms);
    const kept = await inbox.see(inboxOf(user), report, limits.maxSeenChannels, limits.inboxAgeMs);
    return {
      ...(kept.at !== undefined && { at: kept.at }),
      positions: kept.positions.length,
    };
  }

  async #fold(user: string): Promise<Digest> {
    const { clock, inbox, instruments } = this.#parts;
    const until = clock.now();
    const [seen, open] = await Promise.all([inbox.seen(inboxOf(user)), this.#openQuestions(user)]);
    if (seen.at === undefined) {
      // A user without a last position has missed nothing. The positions of what has just happened keep it from being counted later.
      const { seen: report } = await this.#foldLogs(user, { ...seen, at: until - skewMs }, until);
      instruments.digests.whole.add(1);
      const totals = sum([], 0);
      return { until, totals, operations: [], open_questions: open, more: false, seen: report };
    }
    const folded = await this.#foldLogs(user, seen, until);
    instruments.digests[folded.more ? "cut" : "whole"].add(1);
    return { since: seen.at, until, open_questions: open, ...folded };
  }

  async #foldLogs(user: string, seen: Seen, until: number) {
    const { operations: index, limits } = this.#parts;
    const since = seen.at ?? 0;
    const all = await index.list({ user, limit: 1_000 });
    const changed = all
      .map(({ summary }) => summary)
      .filter(({ updated_at: at }) => at > since)
      .sort((a, b) => b.updated_at - a.updated_at);
    const shown = changed.slice(0, limits.maxDigestOperations);
    const budget = { left: limits.maxDigestEntries };
    const positions: Record<string, string> = {};
    const unseenOf = async (channel: string, isNew: boolean) => {
      const known = seen.positions.find((one) => one.channel === channel);
      const unseen = await this.#unseen(channel, since, known, isNew, budget);
      if (unseen.head !== undefined) positions[channel] = unseen.head;
      return unseen;
    };
    const personal = await unseenOf(personalChannel(user), false);
    const notifications = personal.entries.filter(({ event }) => event === "notification").length;
    const operations: DigestOperation[] = [];
    for (let from = 0; from < shown.length; from += channelsAtOnce) {
      const part = shown.slice(from, from + channelsAtOnce);
      const found = await Promise.all(
        part.map(async (summary) => {
          const channel = operationChannel(summary.operation_id);
          return digestOf(summary, await unseenOf(channel, summary.created_at > since));
        }),
      );
      operations.push(...found.filter((one) => one !== undefined));
    }
    const reachesBack = since >= until - operationAgeMs;
    const more =
      changed.length > shown.length ||
      all.length === 1_000 ||
      !reachesBack ||
      personal.more ||
      operations.some((one) => one.more === true);
    const totals = sum(operations, notifications);
    return { totals, operations, more, seen: { at: until - skewMs, positions } };
  }

  /** Returns the entries of a log that are after the position and younger than the time. */
  async #unseen(
    channel: string,
    since: number,
    known: SeenPosition | undefined,
    isNew: boolean,
    budget: { left: number },
  ): Promise<Unseen> {
    const { name, policy } = this.#parts.rules.of(channel);
    const read = (after: number, limit: number) =>
      this.#parts.reads.read(name, after, limit, policy);
    if (budget.left <= 0) return { entries: [], head: undefined, more: true };
    const start = await startOf(read, known, isNew, since);
    const { head } = start;
    const entries = [...start.entries];
    budget.left -= entries.length;
    let last = entries.at(-1)?.position.offset ?? head.offset;
    for (let page = 1; last < head.offset && page < maxPages && budget.left > 0; page++) {
      const next = await read(last, Math.min(pageEntries, budget.left));
      if (next.entries.length === 0) break;
      entries.push(...next.entries);
      budget.left -= next.entries.length;
      last = next.entries.at(-1)?.position.offset ?? last;
    }
    const isCut = start.isCut || last < head.offset;
    if (last < head.offset) {
      // The end says more than the middle: how the operation ended, and its latest question.
      const end = await read(Math.max(last, head.offset - endEntries), endEntries);
      entries.push(...end.entries);
      budget.left -= end.entries.length;
    }
    const unseen = entries.filter(({ ts }) => ts > since);
    return {
      entries: unseen,
      head: head.offset === 0 ? undefined : formatPosition(head),
      more: isCut && unseen.length > 0,
    };
  }

  async #openQuestions(user: string): Promise<number> {
    const { inbox, limits } = this.#parts;
    const bounds = {
      maxItems: limits.maxInboxItems,
      maxLength: limits.maxInboxLength,
      maxAgeMs: limits.inboxAgeMs,
    };
    const { counts } = await inbox.list(inboxOf(user), { filter: "open", limit: 1 }, bounds);
    return counts.open;
  }
}

/** Reads the first page of what a person has not seen of a log. */
async function startOf(
  read: (after: number, limit: number) => Promise<LogSlice>,
  known: SeenPosition | undefined,
  isNew: boolean,
  since: number,
): Promise<Pick<LogSlice, "entries" | "head"> & { readonly isCut: boolean }> {
  if (known === undefined && !isNew) {
    // A log that was never shown: its newest entries, as far as they are younger than the time.
    const { head, floor } = await read(0, 1);
    const from = Math.max(floor.offset, head.offset - pageEntries);
    const { entries } = await read(from, pageEntries);
    return { entries, head, isCut: from > 0 && (entries[0]?.ts ?? since) > since };
  }
  const from = known?.offset ?? 0;
  const slice = await read(from, pageEntries);
  if (known === undefined || known.epoch === slice.head.epoch) {
    return { ...slice, isCut: slice.floor.offset > from };
  }
  // The log has begun anew, and what came after the position in the one before is gone.
  return { ...(await read(0, pageEntries)), isCut: true };
}

function digestOf(
  summary: OperationSummary,
  { entries, more }: Unseen,
): DigestOperation | undefined {
  const fold = new DigestFold();
  for (const entry of entries) fold.add(entry);
  return fold.isEmpty && !more ? undefined : fold.result(summary, more);
}

function sum(operations: readonly DigestOperation[], notifications: number): DigestTotals {
  const count = (of: (one: DigestOperation) => number | boolean) =>
    operations.reduce((total, one) => total + Number(of(one)), 0);
  return {
    steps_done: count((one) => one.steps_done),
    warnings: count((one) => one.warnings),
    errors: count((one) => one.errors),
    questions: count((one) => one.questions),
    started: count(({ started }) => started === true),
    finished: count(({ ended }) => ended === "done"),
    failed: count(({ ended }) => ended === "failed" || ended === "lost"),
    notifications,
  };
}

function authorise(principal: Principal, user: string): void {
  if (!isId(user)) throw new MilepostError("bad_message", `the user's id ${idRule}`);
  if (principal.kind === "service") requireService(principal, "inbox");
  else if (principal.user !== user) {
    throw new MilepostError("forbidden", "a digest is open to its user only; use your own id");
  }
}
