import type {
  Clock,
  Engine,
  LogSlice,
  PendingEntry,
  Random,
  SubscriberKey,
} from "@milepost/engine";
import {
  endEvent,
  type GapReason,
  MilepostError,
  type Position,
  type Publication,
  parsePosition,
} from "@milepost/protocol";
import type { Hub } from "../hub/hub.ts";
import { breakOf } from "../hub/recovery.ts";
import type { ResolvedChannel, RuleBook } from "../rules/rule-book.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import { batchesOf } from "../send-queue/batches.ts";
import { inTheLog } from "../store/outage-log.ts";
import { type AckOutcome, DeliveryLedger } from "./delivery-ledger.ts";
import type { DurableOwner } from "./durable-owner.ts";
import { type DurableSince, findDurableStart } from "./durable-start.ts";
import { type DurableTerms, durableBounds, durableTerms } from "./durable-terms.ts";
import { findKept } from "./kept-position.ts";
import { requireNameRoom } from "./name-room.ts";
import { SubscriberSignal, signalChannel, wakeHolder } from "./subscriber-signal.ts";
import { UndeliveredEntries } from "./undelivered-entries.ts";

/** Maximum number of entries per read and per save. */
const page = 100;
const retryMs = 1_000;
/** Longest time between two checks that this holder still has its claim, in milliseconds. */
const refreshMs = 30_000;
const maxReplies = 1_024;

/** Parts of the node that a {@link DurableReader} uses. */
export interface DurableContext {
  readonly engine: Engine;
  readonly rules: RuleBook;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: Random;
  /** Maximum number of durable subscribers of one owner. */
  readonly maxNames: number;
  readonly onError: (error: unknown) => void;
}

/**
 * Publication to be sent to the owner. For a replay, `letter` is the id of its dead letter, and `before` is the
 * number of deliveries before the replay.
 */
interface Outgoing {
  readonly publication: Publication;
  readonly replay?: { readonly letter: string; readonly before: number };
}

interface Reply {
  onSaved(acked: Position): void;
  onLost(error: unknown): void;
}

/**
 * Delivers a channel to one durable subscriber while its connection holds the claim, the exclusive right to
 * deliver.
 *
 * All entries are read from the log, at the pace of the acknowledgements. The hub only signals that new entries
 * exist. The reader saves in the store that an entry is being delivered, then sends it. The store refuses this
 * for a holder that lost the claim, so that holder sends nothing more. The next delivery pass saves which entries
 * were acknowledged. After a crash, entries whose acknowledgement was not saved yet are delivered again.
 */
export class DurableReader extends Deadline {
  readonly #key: SubscriberKey;
  readonly #resolved: ResolvedChannel;
  /** The channel as the reader reads its log: never a log that the node keeps during an outage. */
  readonly #stored: ResolvedChannel;
  readonly #context: DurableContext;
  readonly #owner: DurableOwner;
  readonly #terms: DurableTerms;
  readonly #undelivered: UndeliveredEntries;
  readonly #events: ReadonlySet<string> | undefined;
  readonly #news: SubscriberSignal;
  readonly #signal: SubscriberSignal;
  #ledger: DeliveryLedger | undefined;
  #fence = 0;
  #outgoing: Outgoing[] = [];
  #replies: Reply[] = [];
  #isRunning = false;
  #again = false;
  #mustRefresh = false;
  #refreshedAt = 0;
  #isOver = false;
  #isLost = false;

  constructor(
    key: SubscriberKey,
    resolved: ResolvedChannel,
    events: ReadonlySet<string> | undefined,
    owner: DurableOwner,
    context: DurableContext,
  ) {
    super();
    this.#key = key;
    this.#resolved = resolved;
    this.#stored = { ...resolved, policy: inTheLog(resolved.policy) };
    this.#events = events;
    this.#owner = owner;
    this.#context = context;
    this.#terms = durableTerms(resolved.rule);
    this.#undelivered = new UndeliveredEntries(context.engine.deadLetters, context.clock, key);
    this.#news = new SubscriberSignal(() => this.#wake());
    this.#signal = new SubscriberSignal(() => {
      this.#mustRefresh = true;
      this.#wake();
    });
  }

  /** Position up to which everything is settled; undefined before the start. */
  get acked(): Position | undefined {
    return this.#ledger?.acked;
  }

  /**
   * Claims the subscriber, from its previous holder if there is one, and starts to deliver. Calls the owner's
   * `onStart`, or `onFailed` with the error.
   */
  async start(since: DurableSince | undefined): Promise<void> {
    const { hub, rules, engine, clock, random } = this.#context;
    try {
      const { goesOnLocally, isAppendedLater } = this.#resolved.policy;
      if (goesOnLocally === true && isAppendedLater !== true) throw notKept(this.#resolved.name);
      // The hub signals entries published from here on. Earlier entries are read from the log.
      this.#news.hubSubscriber = hub.join(this.#resolved, this.#news, "now");
      this.#signal.hubSubscriber = hub.join(
        rules.of(signalChannel(this.#key)),
        this.#signal,
        "now",
      );
      await Promise.all([this.#news.started, this.#signal.started]);
      const start = await findDurableStart(engine.log, this.#stored, since);
      if (this.#isOver) return;
      await requireNameRoom(engine.holdings, this.#key, this.#context.maxNames);
      const claim = await engine.durable.claim(this.#key, start.position, durableBounds);
      if (claim === undefined) {
        const message =
          "the channel has the maximum number of durable subscribers; use an existing name";
        throw new MilepostError("too_many_subscriptions", message);
      }
      await this.#tellOthers(claim.isNew);
      const now = clock.monotonic();
      const ledger = new DeliveryLedger(
        claim.state,
        this.#terms,
        () => random.fraction(),
        now,
        this.#epochMs,
      );
      this.#fence = claim.fence;
      const { sent } = ledger;
      const slice = await this.#read(sent, 1);
      const reason = breakOf(sent, slice, Number.POSITIVE_INFINITY);
      if (reason !== undefined) await this.#jump(ledger, slice, reason);
      if (this.#isOver) return;
      this.#ledger = ledger;
      this.#refreshedAt = now;
      const isAnchored = !claim.isNew || start.isAsked;
      const why = reason ?? (claim.isNew ? start.reason : undefined);
      const gapFrom = reason === undefined ? start.gapFrom : sent;
      this.#owner.onStart({
        position: ledger.acked,
        recovered: isAnchored && why === undefined,
        ...(why === undefined ? {} : { reason: why }),
        ...(why === undefined || gapFrom === undefined
          ? {}
          : { gap: { from: gapFrom, to: ledger.sent } }),
      });
      this.#wake();
    } catch (error) {
      if (this.#isOver) return;
      this.leave();
      this.#owner.onFailed(error);
    }
  }

  /**
   * Records an ack. `reply` is called once the ack is saved, or with an error once it can no longer be saved.
   */
  ack(position: Position, reply?: Reply): AckOutcome {
    const outcome = this.#ledger?.ack(position) ?? "unknown";
    return this.#answer(outcome, reply);
  }

  /**
   * Records a nack. `reply` is called once the nack is saved, or with an error once it can no longer be saved.
   */
  nack(position: Position, reason: string, reply?: Reply): AckOutcome {
    const now = this.#context.clock.monotonic();
    const outcome = this.#ledger?.nack(position, reason, now) ?? "unknown";
    return this.#answer(outcome, reply);
  }

  /** Stops the deliveries without a call to the owner. Acks received so far are still saved. */
  leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#news.leave();
    this.#signal.leave();
    this.#outgoing = [];
    this.#context.wheel.clear(this);
    this.#wake();
  }

  override onDue(): void {
    this.#wake();
  }

  /**
   * Difference between wall-clock time and monotonic time, in milliseconds. Saved states contain wall-clock
   * times.
   */
  get #epochMs(): number {
    const { clock } = this.#context;
    return clock.now() - clock.monotonic();
  }

  #answer(outcome: AckOutcome, reply: Reply | undefined): AckOutcome {
    if (outcome === "unknown") return outcome;
    if (reply !== undefined) {
      if (this.#replies.length < maxReplies) this.#replies.push(reply);
      else
        reply.onLost(
          new MilepostError(
            "rate_limited",
            "too many acks wait to be saved; send this one again later",
          ),
        );
    }
    this.#wake();
    return outcome;
  }

  #wake(): void {
    this.#again = true;
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      // Waiting a microtask lets one pass handle everything that arrives in the same tick, for instance many
      // acks.
      await undefined;
      while (this.#again && this.#ledger !== undefined && !this.#isLost) {
        this.#again = false;
        await this.#round(this.#ledger);
      }
      this.#arm();
    } catch (error) {
      this.#context.onError(error);
      if (!this.#isOver) this.#context.wheel.set(this, retryMs);
      else this.#refuseReplies(error);
    } finally {
      this.#isRunning = false;
    }
  }

  async #round(ledger: DeliveryLedger): Promise<void> {
    const { clock } = this.#context;
    if (this.#isOver) {
      await this.#save(ledger);
      // A store that fell back to an older state has the latest one again before the next holder reads it.
      await this.#refresh(ledger);
      return;
    }
    if (this.#mustRefresh || clock.monotonic() - this.#refreshedAt >= refreshMs) {
      await this.#refresh(ledger);
    }
    await this.#send(ledger);
    await this.#giveUp(ledger);
    await this.#repeat(ledger);
    await this.#replay(ledger);
    await this.#continue(ledger);
    await this.#send(ledger);
  }

  #arm(): void {
    if (this.#isOver || this.#ledger === undefined) return;
    const now = this.#context.clock.monotonic();
    const next = Math.min(
      this.#ledger.nextDueAt() ?? now + refreshMs,
      this.#refreshedAt + refreshMs,
    );
    this.#context.wheel.set(this, Math.max(0, next - now));
  }

  /** Checks that the store has the claim and its latest save, and adopts the replays that were requested. */
  async #refresh(ledger: DeliveryLedger): Promise<void> {
    const { engine, clock } = this.#context;
    const { durable } = engine;
    this.#mustRefresh = false;
    const replays = await durable.look(this.#key, this.#fence, ledger.revision, durableBounds);
    this.#refreshedAt = clock.monotonic();
    if (typeof replays === "object") ledger.adopt(replays, clock.monotonic());
    else if (replays === "taken" || !(await this.#restore(ledger))) this.#lose(ledger);
  }

  /** Delivers newly published entries, up to the ledger's capacity. */
  async #continue(ledger: DeliveryLedger): Promise<void> {
    const { clock } = this.#context;
    while (!this.#isOver && ledger.capacity > 0) {
      await this.#owner.drained();
      const { sent } = ledger;
      const slice = await this.#read(sent, Math.min(page, ledger.capacity));
      const reason = breakOf(sent, slice, Number.POSITIVE_INFINITY);
      if (reason !== undefined) {
        await this.#jump(ledger, slice, reason);
        if (!this.#isOver) this.#owner.onGap(sent, ledger.sent, reason);
        continue;
      }
      const entries = slice.entries.filter(({ position }) => position.offset > sent.offset);
      const end = entries.at(-1)?.event === endEvent ? entries.pop() : undefined;
      if (entries.length === 0) {
        // The position stays before the end, so a subscriber that reconnects receives the end again.
        if (end !== undefined && ledger.isSettled) await this.#end(ledger, end);
        return;
      }
      const expired = new Set<Publication>();
      for (const entry of entries) {
        if (!this.#wants(entry) || !this.#isTooOld(entry)) continue;
        await this.#undelivered.entry(entry.position, entry, "expired", 0);
        expired.add(entry);
      }
      const now = clock.monotonic();
      for (const entry of entries) {
        if (!this.#wants(entry) || expired.has(entry)) {
          ledger.pass(entry.position);
          continue;
        }
        ledger.deliver(entry.position, now);
        this.#outgoing.push({ publication: entry });
      }
      await this.#send(ledger);
    }
  }

  /** Delivers the end of the channel once everything before it is settled. */
  async #end(ledger: DeliveryLedger, end: Publication): Promise<void> {
    await this.#send(ledger);
    if (this.#isOver || !ledger.isSettled) return;
    this.leave();
    this.#owner.onEnd(end);
  }

  /** Repeats deliveries that were not acknowledged in time or whose retry is due. */
  async #repeat(ledger: DeliveryLedger): Promise<void> {
    const { clock } = this.#context;
    const find = this.#finder();
    for (const { position, attempts } of ledger.due(clock.monotonic()).again) {
      const publication = await find(position);
      if (this.#isOver) return;
      if (publication === undefined || this.#isTooOld(publication)) {
        const reason = publication === undefined ? "trimmed" : "expired";
        await this.#deadLetter(ledger, position, publication, reason, attempts);
      } else if (ledger.repeat(position, clock.monotonic())) {
        this.#outgoing.push({ publication });
        if (this.#outgoing.length >= page) await this.#send(ledger);
      }
    }
    await this.#send(ledger);
  }

  /** Delivers the entries of dead letters whose replay is due. */
  async #replay(ledger: DeliveryLedger): Promise<void> {
    const { clock } = this.#context;
    for (const { letter: deadLetter } of ledger.due(clock.monotonic()).replaysAgain) {
      const found = await this.#undelivered.get(deadLetter);
      if (this.#isOver) return;
      const position = parsePosition(found?.entry.position);
      const { event, json, ts = 0, source } = found?.entry ?? {};
      if (found === undefined || !position.ok || event === undefined || json === undefined) {
        // The dead letter was dropped meanwhile, or it holds no entry to deliver.
        ledger.endReplay(deadLetter);
        continue;
      }
      if (!ledger.repeatReplay(deadLetter, clock.monotonic())) continue;
      const publication = {
        channel: this.#resolved.name,
        position: position.value,
        ...(source === undefined ? {} : { source }),
        event,
        json,
        ts,
      };
      this.#outgoing.push({ publication, replay: { letter: deadLetter, before: found.attempts } });
      if (this.#outgoing.length >= page) await this.#send(ledger);
    }
    await this.#send(ledger);
  }

  /** Moves entries with no attempts left to the dead-letter queue. */
  async #giveUp(ledger: DeliveryLedger): Promise<void> {
    const now = this.#context.clock.monotonic();
    const { spent, replaysSpent } = ledger.due(now);
    const find = this.#finder();
    for (const { position, attempts, refusal } of spent) {
      const publication = await find(position);
      await this.#deadLetter(ledger, position, publication, reasonOf(refusal), attempts);
    }
    for (const { letter: deadLetter, attempts, refusal } of replaysSpent) {
      const found = await this.#undelivered.get(deadLetter);
      // If the replay was acknowledged meanwhile, its dead letter must not be written again.
      if (found !== undefined && ledger.isReplaying(deadLetter)) {
        await this.#undelivered.again(found, reasonOf(refusal), attempts);
      }
      ledger.endReplay(deadLetter);
    }
  }

  /**
   * Moves an entry to the dead-letter queue. Writes the dead letter before it settles the entry, so that no
   * entry is lost in between.
   */
  async #deadLetter(
    ledger: DeliveryLedger,
    position: Position,
    publication: Publication | undefined,
    reason: string,
    attempts: number,
  ): Promise<void> {
    if (!ledger.isPending(position)) return;
    const deadLetter = await this.#undelivered.entry(position, publication, reason, attempts);
    if (ledger.isPending(position)) ledger.settle(position.offset);
    // The entry was acknowledged while its dead letter was written.
    else await this.#undelivered.remove(deadLetter.id);
  }

  /**
   * Continues after a break in the log. The stream resumes after the last known position that the log still has,
   * otherwise after the log's floor. One dead letter records the span of lost entries, if any are known.
   */
  async #jump(ledger: DeliveryLedger, slice: LogSlice, reason: GapReason): Promise<void> {
    const { acked, sent } = ledger;
    const isShorter = reason === "tag_mismatch";
    const { kept, repeatsTo } = isShorter
      ? await findKept(ledger.known(), slice, (position) => this.#read(position, 1))
      : { kept: undefined, repeatsTo: 0 };
    if (kept !== undefined) {
      if (ledger.hasPendingAfter(kept.offset)) await this.#undelivered.span(kept, sent, reason);
      ledger.rewind(kept, repeatsTo);
    } else {
      const { floor } = slice;
      if (reason === "trimmed") await this.#undelivered.span(acked, floor, reason);
      else if (acked.offset !== sent.offset) await this.#undelivered.span(acked, sent, reason);
      ledger.restart(floor, repeatsTo);
    }
    await this.#save(ledger);
  }

  /** Saves the outgoing deliveries, then sends them. Entries acknowledged meanwhile are not sent. */
  async #send(ledger: DeliveryLedger): Promise<void> {
    await this.#save(ledger);
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    const replays = new Map(outgoing.map((item) => [item.publication, item.replay]));
    for (const part of batchesOf(outgoing.map(({ publication }) => publication))) {
      await this.#owner.drained();
      if (this.#isOver) return;
      const batch: Publication[] = [];
      for (const publication of part) {
        const replay = replays.get(publication);
        const times =
          replay === undefined
            ? ledger.attemptsOf(publication.position)
            : ledger.replayAttemptsOf(replay.letter);
        if (times === undefined) continue;
        batch.push({ ...publication, attempt: times + (replay?.before ?? 0) });
      }
      if (batch.length > 0) this.#owner.onDelivery(batch);
    }
  }

  async #save(ledger: DeliveryLedger): Promise<void> {
    const delivered = ledger.takeDelivered();
    try {
      // A dead letter is removed after the ack of its replay, and before that ack is saved.
      for (const deadLetter of delivered) await this.#undelivered.remove(deadLetter);
    } catch (error) {
      ledger.untakeDelivered(delivered);
      throw error;
    }
    const replies = this.#replies;
    const { acked } = ledger;
    const change = ledger.takeChange(this.#epochMs);
    this.#replies = [];
    let isSaved = true;
    if (change !== undefined) {
      try {
        const { durable } = this.#context.engine;
        const saved = await durable.save(this.#key, this.#fence, change, durableBounds);
        if (saved === "saved") ledger.countSave();
        else isSaved = saved === "lost" && (await this.#restore(ledger));
      } catch (error) {
        ledger.untakeChange(change);
        this.#replies.unshift(...replies);
        throw error;
      }
    }
    for (const reply of replies) {
      if (isSaved) reply.onSaved(acked);
      else reply.onLost(takenOver());
    }
    if (!isSaved) this.#lose(ledger);
  }

  /**
   * Writes the ledger's state to a store that has lost the claim or some of its saves. Returns false if another
   * holder has claimed the subscriber in the meantime.
   */
  async #restore(ledger: DeliveryLedger): Promise<boolean> {
    const { durable } = this.#context.engine;
    const state = ledger.state(this.#epochMs);
    const isRestored = await durable.restore(this.#key, this.#fence, state, durableBounds);
    if (isRestored) ledger.countSave();
    return isRestored;
  }

  /** Stops because another connection holds the subscriber. */
  #lose(ledger: DeliveryLedger): void {
    if (this.#isLost) return;
    this.#isLost = true;
    const wasOver = this.#isOver;
    this.leave();
    this.#refuseReplies(takenOver());
    if (wasOver) return;
    if (this.#ledger === undefined) this.#owner.onFailed(takenOver());
    else this.#owner.onTakenOver(ledger.acked);
  }

  #refuseReplies(error: unknown): void {
    const replies = this.#replies;
    this.#replies = [];
    for (const reply of replies) reply.onLost(error);
  }

  /** Wakes the previous holder. A holder that misses the signal notices with its next save or refresh. */
  async #tellOthers(isNew: boolean): Promise<void> {
    if (isNew) return;
    const { engine, rules, onError } = this.#context;
    await wakeHolder(engine, rules, this.#key).catch(onError);
  }

  #wants({ event }: Publication): boolean {
    return this.#events?.has(event) ?? true;
  }

  #isTooOld({ ts }: Publication): boolean {
    return this.#context.clock.now() - ts > this.#terms.maxAgeMs;
  }

  /**
   * Reads the entries after a position together with the entry at the position, so that both come from one
   * read.
   */
  #read({ offset }: Position, limit: number): Promise<LogSlice> {
    const { name, policy } = this.#stored;
    return this.#context.engine.log.read(name, Math.max(0, offset - 1), limit + 1, policy);
  }

  /**
   * Returns a function that finds entries by position. The function keeps the page that it read last, since
   * consecutive lookups are often close together.
   */
  #finder(): (position: Position) => Promise<Publication | undefined> {
    let slice: LogSlice | undefined;
    const at = (offset: number) => {
      const first = slice?.entries[0]?.position.offset;
      return first === undefined ? undefined : slice?.entries[offset - first];
    };
    return async (position) => {
      if (at(position.offset) === undefined) slice = await this.#read(position, page);
      const found = at(position.offset);
      const isSame =
        found?.position.tag === position.tag && found.position.epoch === position.epoch;
      return isSame ? found : undefined;
    };
  }
}

function reasonOf(refusal: PendingEntry["refusal"]): string {
  return refusal === undefined ? "not_acknowledged" : `refused: ${refusal}`;
}

function takenOver(): MilepostError {
  return new MilepostError(
    "not_subscribed",
    "another connection has taken over this durable subscriber",
  );
}

/**
 * Creates the `not_supported` error for a durable subscriber of a channel whose rule sets `outage` to `local`.
 * Such a channel discards entries after an outage, so it cannot guarantee delivery.
 */
function notKept(channel: string): MilepostError {
  return new MilepostError(
    "not_supported",
    `durable subscribers are not supported on ${channel}: its rule sets outage to local`,
  );
}
