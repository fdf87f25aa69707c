import {
  endEvent,
  MilepostError,
  type Position,
  type Publication,
  type Since,
} from "@milepost/protocol";
import type { ResolvedChannel } from "../rules/rule-book.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import { pagesOf } from "../send-queue/batches.ts";
import { shownAt } from "../store/shown-entries.ts";
import type { ChannelContext } from "./channel-context.ts";
import type { HubSubscriber } from "./hub-subscriber.ts";
import { findStart, type Recovery, recover, type Start } from "./recovery.ts";
import { Reset } from "./reset.ts";

const page = 500;
const startMs = 10_000;
const retryMs = 1_000;
const lagMs = 50;

/** Part of a hub channel that a joining subscriber uses. */
export interface JoinedChannel {
  readonly resolved: ResolvedChannel;
  /** Resolves once the bus delivers the channel's publications to this node; rejects if it cannot. */
  readonly attached: Promise<void>;
  /** Newest position of the channel on this node; undefined before the log was read. */
  readonly last: Position | undefined;
  beginJoin(): void;
  endJoin(): void;
  seed(start: Pick<Start, "head" | "entries">): void;
  isDenied(before: Position | undefined, head: Position): boolean;
  resume(since: Position): Promise<Start | undefined>;
  missing(from: Position): readonly Publication[] | undefined;
  place(subscriber: HubSubscriber): void;
  heal(): Promise<void>;
}

/**
 * Adds a subscriber to a channel without losing entries. Once the bus delivers to this node, the channel keeps
 * what arrives while the log is read. Entries between the end of that read and the live stream come from the
 * kept ones, or from the log again. A subscriber goes live only when it lacks no entry.
 *
 * A long replay is read page by page as the subscriber takes it, so its entries wait in the log and not in
 * memory.
 */
export async function join(
  channel: JoinedChannel,
  hubSubscriber: HubSubscriber,
  since: Since | undefined,
  context: ChannelContext,
  wheel: TimerWheel,
): Promise<void> {
  const { subscriber } = hubSubscriber;
  const deadline = new StartDeadline(hubSubscriber);
  channel.beginJoin();
  wheel.set(deadline, startMs);
  try {
    await channel.attached;
    if (hubSubscriber.left) return;
    const before = channel.last;
    const start = await startOf(channel, since, context);
    if (hubSubscriber.left) return;
    wheel.clear(deadline);
    channel.seed(start);
    hubSubscriber.own = start.position;
    hubSubscriber.shown = isResume(since) ? shownAt(since) : undefined;
    countStart(start, since, context);
    subscriber.onStart(start);
    // Most subscribers begin at the head of a channel, with nothing to wait for.
    if (start.entries.length > 0) await handOver(hubSubscriber, start.entries, context);
    hubSubscriber.endIfThere(start.end);
    // Otherwise the subscriber would receive entries of a lost tail that the channel still has.
    if (channel.isDenied(before, start.head)) await channel.heal();
    if (!placeIfLevel(channel, hubSubscriber)) await catchUp(channel, hubSubscriber, context);
  } catch (error) {
    const failed = !hubSubscriber.left;
    hubSubscriber.leave();
    if (hubSubscriber.own === undefined) {
      if (failed) subscriber.onFailed(error);
    } else context.onError(error);
  } finally {
    wheel.clear(deadline);
    channel.endJoin();
  }
}

/** Makes the subscriber live and returns true if it lacks no entries, as at most starts. */
function placeIfLevel(channel: JoinedChannel, hubSubscriber: HubSubscriber): boolean {
  const { left, own } = hubSubscriber;
  if (left || own === undefined) return true;
  if (channel.missing(own)?.length !== 0) return false;
  channel.place(hubSubscriber);
  return true;
}

/** Counts in the metrics how a resume ended, and the gap with which a subscription starts. */
function countStart(
  { recovered, reason, gapFrom }: Start,
  since: Since | undefined,
  { instruments }: ChannelContext,
): void {
  const verdict = recovered ? "recovered" : reason;
  if (isResume(since) && verdict !== undefined) instruments.resumes[verdict].add(1);
  if (gapFrom !== undefined && reason !== undefined) instruments.gaps[reason].add(1);
}

function isResume(since: Since | undefined): since is Position {
  return typeof since === "object" && "epoch" in since;
}

/** Finds where a subscriber starts, from the entries of this node or from a page of the log. */
function startOf(
  channel: JoinedChannel,
  since: Since | undefined,
  context: ChannelContext,
): Promise<Start> {
  const inLog = () => {
    const bounds = { page, behind: context.maxReplayEntries };
    return findStart(context.starts, channel.resolved, since, bounds);
  };
  if (!isResume(since) || context.isCut()) return inLog();
  return channel.resume(since).then((start) => start ?? inLog());
}

/**
 * Makes a subscriber that was ahead of its channel read the log again, since the log may have lost entries that
 * it received.
 */
export async function catchUpAgain(
  channel: JoinedChannel,
  hubSubscriber: HubSubscriber,
  context: ChannelContext,
): Promise<void> {
  channel.beginJoin();
  try {
    // The channel may be handing out a batch at this moment.
    await undefined;
    await catchUp(channel, hubSubscriber, context, true);
  } catch (error) {
    hubSubscriber.leave();
    context.onError(error);
  } finally {
    channel.endJoin();
  }
}

/** Reads the log until the subscriber lacks no entries, and makes it live. */
async function catchUp(
  channel: JoinedChannel,
  hubSubscriber: HubSubscriber,
  context: ChannelContext,
  mustRead = false,
): Promise<void> {
  while (!hubSubscriber.left && hubSubscriber.own !== undefined) {
    // The channel is behind this subscriber, so it cannot tell whether the log still has the entries that the
    // subscriber received.
    const missing = mustRead ? undefined : channel.missing(hubSubscriber.own);
    if (missing?.length === 0) {
      channel.place(hubSubscriber);
      return;
    }
    if (missing !== undefined) {
      await handOver(hubSubscriber, missing, context);
      continue;
    }
    const from = hubSubscriber.own;
    const before = channel.last;
    const recovery = await readOn(channel, from, context);
    if (recovery === undefined || hubSubscriber.left) continue;
    mustRead = false;
    if (recovery.kind === "reset") {
      hubSubscriber.own = recovery.state.position;
      const { state, reason } = recovery;
      context.instruments.resets[reason].add(1);
      hubSubscriber.subscriber.onReset(new Reset(channel.resolved.name, state, reason));
      hubSubscriber.endIfThere(recovery.end);
      continue;
    }
    if (recovery.kind === "gap") {
      hubSubscriber.own = recovery.to;
      hubSubscriber.shown = shownAt(from) ?? hubSubscriber.shown;
      context.instruments.gaps[recovery.reason].add(1);
      hubSubscriber.subscriber.onGap(from, recovery.to, recovery.reason);
    } else if (recovery.entries.length === 0) {
      // The log has no more entries, yet it differs from the channel: one of the two is behind, or wrong.
      const isDenied = channel.isDenied(before, recovery.head);
      if (isDenied) await channel.heal();
      // A channel that stays where it was has read an answer that contradicts this one. Reading on at once might never end.
      if (!isDenied || channel.last === before) await context.pause(lagMs);
    }
    await handOver(hubSubscriber, recovery.entries, context);
    hubSubscriber.endIfThere(recovery.end);
  }
}

/**
 * Reads the next page after a position. When the store does not answer, waits and resolves to undefined: the
 * caller should try again.
 */
async function readOn(
  channel: JoinedChannel,
  from: Position,
  context: ChannelContext,
): Promise<Recovery | undefined> {
  try {
    return await recover(context.log, channel.resolved, from, {
      page,
      behind: Number.POSITIVE_INFINITY,
    });
  } catch (error) {
    context.onError(error);
    await context.pause(retryMs);
    return undefined;
  }
}

async function handOver(
  hubSubscriber: HubSubscriber,
  entries: readonly Publication[],
  { pages, deliverySpans }: ChannelContext,
): Promise<void> {
  for (const part of pagesOf(entries)) {
    const drained = hubSubscriber.subscriber.drained();
    // It awaits only when it must: a subscriber that has room reaches the live stream in the same turn.
    if (drained !== undefined) await drained;
    const last = part.at(-1);
    const before = hubSubscriber.own;
    if (hubSubscriber.left || last === undefined || before === undefined) return;
    hubSubscriber.own = last.position;
    hubSubscriber.subscriber.onReplay?.(part.reduce((sum, { json }) => sum + json.length, 0));
    const { shared } = hubSubscriber.subscriber;
    if (hubSubscriber.wasShownSome(part)) hubSubscriber.deliverRest(part, before);
    else if (shared === undefined || shared.sendQueue.isHolding)
      hubSubscriber.subscriber.onPublications(part, before);
    else {
      const number = hubSubscriber.tellNumber(part, shared);
      shared.sendQueue.push(pages.encode(part, shared.encoder, number));
    }
    if (deliverySpans !== undefined) deliverySpans.replayed(part);
    if (last.event === endEvent) hubSubscriber.end(last);
  }
}

/**
 * Deadline of 10 s for the start of a subscription. If the store has not answered by then, the subscription
 * fails with `store_unavailable`.
 */
class StartDeadline extends Deadline {
  readonly #subscriber: HubSubscriber;

  constructor(hubSubscriber: HubSubscriber) {
    super();
    this.#subscriber = hubSubscriber;
  }

  override onDue(): void {
    if (this.#subscriber.left) return;
    this.#subscriber.leave();
    this.#subscriber.subscriber.onFailed(
      new MilepostError("store_unavailable", "the channel could not be read in time; try again"),
    );
  }
}
