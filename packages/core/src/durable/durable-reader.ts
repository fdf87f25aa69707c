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
import { type AckOutcome, DeliveryLedger } from "./delivery-ledger.ts";
import type { DurableOwner } from "./durable-owner.ts";
import { type DurableSince, findDurableStart } from "./durable-start.ts";
import { type DurableTerms, durableBounds, durableTerms } from "./durable-terms.ts";
import { SubscriberSignal, signalChannel, wakeHolder } from "./subscriber-signal.ts";
import { UndeliveredEntries } from "./undelivered-entries.ts";

/** Entries per read, and per save. */
const page = 100;
const retryMs = 1_000;
/** How often a holder that nothing wakes looks whether it still is one. */
const refreshMs = 30_000;
const maxReplies = 1_024;

/** What delivering to durable subscribers needs of its node. */
export interface DurableContext {
  readonly engine: Engine;
  readonly rules: RuleBook;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
}

/** What is on its way to the owner: an entry of the log, or of a letter that was tried `before` times. */
interface Outgoing {
  readonly publication: Publication;
  readonly replay?: { readonly letter: string; readonly before: number };
}

interface Reply {
  onSaved(acked: Position): void;
  onLost(error: unknown): void;
}

/**
 * Delivers a channel to one durable subscriber, as long as it holds the claim.
 *
 * Everything is pulled from the log, at the pace of the acknowledgements: the hub only says when there is something
 * new. What is delivered is saved first and sent then, what is settled is saved at the end of the same round; so a holder that
 * was taken over sends nothing any more, and what a crash cuts off is delivered again.
 */
export class DurableReader extends Deadline {
  readonly #key: SubscriberKey;
  readonly #resolved: ResolvedChannel;
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

  /** Everything up to here is settled; undefined before the start. */
  get acked(): Position | undefined {
    return this.#ledger?.acked;
  }

  /** Takes the subscriber over and begins to deliver; the owner hears when, or why not. */
  async start(since: DurableSince | undefined): Promise<void> {
    const { hub, rules, engine, clock, random } = this.#context;
    try {
      if (this.#resolved.policy.goesOnLocally === true) throw notKept(this.#resolved.name);
      // What is published from here on wakes; what was before is read.
      this.#news.member = hub.join(this.#resolved, this.#news, "now");
      this.#signal.member = hub.join(rules.of(signalChannel(this.#key)), this.#signal, "now");
      await Promise.all([this.#news.started, this.#signal.started]);
      const start = await findDurableStart(engine.log, this.#resolved, since);
      if (this.#isOver) return;
      const claim = await engine.durable.claim(this.#key, start.position, durableBounds);
      if (claim === undefined) {
        const message = "the channel has as many durable subscribers as it may have";
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

  /** Takes an ack; `reply` hears when it is saved. */
  ack(position: Position, reply?: Reply): AckOutcome {
    const outcome = this.#ledger?.ack(position) ?? "unknown";
    return this.#answer(outcome, reply);
  }

  /** Takes a nack; `reply` hears when it is saved. */
  nack(position: Position, reason: string, reply?: Reply): AckOutcome {
    const now = this.#context.clock.monotonic();
    const outcome = this.#ledger?.nack(position, reason, now) ?? "unknown";
    return this.#answer(outcome, reply);
  }

  /** Ends it silently. What was acknowledged is still saved. */
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

  /** What turns the node's own time into that of a state. */
  get #epochMs(): number {
    const { clock } = this.#context;
    return clock.now() - clock.monotonic();
  }

  #answer(outcome: AckOutcome, reply: Reply | undefined): AckOutcome {
    if (outcome === "unknown") return outcome;
    if (reply !== undefined) {
      if (this.#replies.length < maxReplies) this.#replies.push(reply);
      else reply.onLost(new MilepostError("rate_limited", "too many acks wait to be saved"));
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
      // What is told in one go, many acks for instance, is one round.
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
    if (this.#isOver) {
      await this.#save(ledger);
      return;
    }
    await this.#refresh(ledger);
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

  /** Whether it still holds the claim, and which replays were asked for. */
  async #refresh(ledger: DeliveryLedger): Promise<void> {
    const { engine, clock } = this.#context;
    if (!this.#mustRefresh && clock.monotonic() - this.#refreshedAt < refreshMs) return;
    this.#mustRefresh = false;
    const replays = await engine.durable.look(this.#key, this.#fence, durableBounds);
    this.#refreshedAt = clock.monotonic();
    if (typeof replays === "object") ledger.adopt(replays, clock.monotonic());
    else if (replays === "taken" || !(await this.#restore(ledger))) this.#lose(ledger);
  }

  /** Goes on with what was published since, as far as there is room. */
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
        // Its place stays before the end: who comes back is told of it again.
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

  /** The last there is, once everything else is settled. */
  async #end(ledger: DeliveryLedger, end: Publication): Promise<void> {
    await this.#send(ledger);
    if (this.#isOver || !ledger.isSettled) return;
    this.leave();
    this.#owner.onEnd(end);
  }

  /** Delivers again what nobody acknowledged in time. */
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

  /** Delivers the entries of dead letters again. */
  async #replay(ledger: DeliveryLedger): Promise<void> {
    const { clock } = this.#context;
    for (const { letter: deadLetter } of ledger.due(clock.monotonic()).replaysAgain) {
      const found = await this.#undelivered.get(deadLetter);
      if (this.#isOver) return;
      const position = parsePosition(found?.entry.position);
      const { event, json, ts = 0, source } = found?.entry ?? {};
      if (found === undefined || !position.ok || event === undefined || json === undefined) {
        // It was dropped meanwhile.
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

  /** Puts what was tried often enough into the dead letters. */
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
      // Acknowledged meanwhile, the letter must not come back.
      if (found !== undefined && ledger.isReplaying(deadLetter)) {
        await this.#undelivered.again(found, reasonOf(refusal), attempts);
      }
      ledger.endReplay(deadLetter);
    }
  }

  /** Writes the letter first, so that nothing is settled that is in no letter. */
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
    // Acknowledged while the letter was written.
    else await this.#undelivered.remove(deadLetter.id);
  }

  /** The log does not go on where this subscriber is: what lies between is lost, and a letter says so. */
  async #jump(ledger: DeliveryLedger, slice: LogSlice, reason: string): Promise<void> {
    const { acked, sent } = ledger;
    const fromAcked = await this.#read(acked, 1);
    const isAckedKept = breakOf(acked, fromAcked, Number.POSITIVE_INFINITY) === undefined;
    // A log that lost its tail may still have what was settled: from there everything comes again.
    const to = isAckedKept ? acked : slice.floor;
    if (!isAckedKept) {
      const isTrimmed = reason === "trimmed";
      if (isTrimmed) await this.#undelivered.span(acked, to, reason);
      else if (acked.offset !== sent.offset) await this.#undelivered.span(acked, sent, reason);
    }
    this.#outgoing = [];
    ledger.jump(to);
    await this.#save(ledger);
  }

  /** Saves what is delivered, then sends it; what was acknowledged meanwhile is not sent. */
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
      // A letter goes only once its entry was acknowledged, and before that is forgotten.
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
        isSaved = saved === "saved" || (saved === "lost" && (await this.#restore(ledger)));
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

  /** The store has lost the claim: it gets the books as they are here, unless somebody else has claimed it since. */
  #restore(ledger: DeliveryLedger): Promise<boolean> {
    const { durable } = this.#context.engine;
    return durable.restore(this.#key, this.#fence, ledger.state(this.#epochMs), durableBounds);
  }

  /** Somebody else holds the subscriber. */
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

  /** Lets the holder before know; it would find out anyway, with its next save. */
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

  /** What the log has after a position, with the entry there, so that both are of one moment. */
  #read({ offset }: Position, limit: number): Promise<LogSlice> {
    const { name, policy } = this.#resolved;
    return this.#context.engine.log.read(name, Math.max(0, offset - 1), limit + 1, policy);
  }

  /** Finds entries of which the next is often near the last. */
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
  return new MilepostError("not_subscribed", "another connection has taken the subscription over");
}

/** What goes on locally for a while cannot be delivered at least once. */
function notKept(channel: string): MilepostError {
  return new MilepostError(
    "not_supported",
    `the rule of ${channel} has outage local, which offers no durable subscribers`,
  );
}
