import { CommandChecks } from "./commands.ts";
import { ConnectionChecks } from "./connections.ts";
import { DurableChecks } from "./durable.ts";
import { FeedChecks } from "./feeds.ts";
import { FenceChecks } from "./fences.ts";
import { ChannelHistory } from "./logs.ts";
import { PublishChecks } from "./publishes.ts";
import { QuestionChecks } from "./questions.ts";
import { QueueChecks } from "./queues.ts";
import type { BeginRecord, JournalRecord } from "./records.ts";
import { StreamChecks } from "./streams.ts";
import type { Violation } from "./violation.ts";
import { WorkChecks } from "./works.ts";

/** Reads a whole journal and returns every violation of a guarantee; the result is empty for a good journal. */
export function check(records: Iterable<JournalRecord>): Violation[] {
  const checker = new Checker();
  for (const record of records) checker.take(record);
  return checker.finish();
}

/** Checker that reads a journal while it is written and judges each record against the records before it. */
export class Checker {
  readonly #violations: Violation[] = [];
  readonly #logs = new Map<string, ChannelHistory>();
  #begin: BeginRecord | undefined;
  readonly #publishes = new PublishChecks(this.#logs, () => this.#begin?.limits.dedupe_ms ?? 0);
  readonly #streams = new StreamChecks(
    this.#logs,
    () => this.#begin?.limits.max_replay_entries ?? 0,
  );
  readonly #connections = new ConnectionChecks(() => this.#begin?.limits.max_outbox_bytes ?? 0);
  readonly #works = new WorkChecks();
  readonly #fences = new FenceChecks();
  readonly #commands = new CommandChecks();
  readonly #feeds = new FeedChecks(this.#logs);
  readonly #durable = new DurableChecks();
  readonly #queues = new QueueChecks();
  readonly #questions = new QuestionChecks();
  #t = 0;
  #line = 0;
  #healed: { readonly until: number } | undefined;
  #ended = false;

  /** Violations found so far. */
  get violations(): readonly Violation[] {
    return this.#violations;
  }

  /** Judges the next record. */
  take(record: JournalRecord): void {
    this.#line++;
    if (record.t < this.#t) this.#accuse("journal", `the time went back from ${this.#t} ms`);
    this.#t = record.t;
    if (this.#begin === undefined && record.type !== "begin") {
      this.#accuse("journal", "the journal does not begin with a begin record");
    }
    if (this.#ended) this.#accuse("journal", "the journal goes on after its end record");
    this.#connections.pass(record.t, this.#accuse);
    try {
      this.#dispatch(record);
    } catch (error) {
      this.#accuse("journal", error instanceof Error ? error.message : String(error));
    }
  }

  /** Ends the journal and returns all violations. */
  finish(): Violation[] {
    if (!this.#ended) this.#accuse("journal", "the journal is cut off: it has no end record");
    return this.#violations;
  }

  readonly #accuse = (id: string, says: string): void => {
    this.#violations.push({ id, says, t: this.#t, line: this.#line });
  };

  #dispatch(record: JournalRecord): void {
    const { t } = record;
    const accuse = this.#accuse;
    switch (record.type) {
      case "begin":
        this.#begin = record;
        return;
      case "channel":
        this.#logs.set(record.channel, new ChannelHistory(record));
        return;
      case "publish":
        this.#publishes.publish(record);
        this.#fences.publish(record);
        return;
      case "published":
        this.#publishes.published(record, accuse);
        this.#fences.published(record, accuse);
        return;
      case "entry":
        this.#publishes.entry(record, t, accuse);
        this.#fences.entry(record, accuse);
        this.#durable.entry(record);
        this.#history(record.channel)?.add(record, t, accuse);
        return;
      case "life":
        this.#history(record.channel)?.begin(record, t, accuse);
        return;
      case "subscribe":
        this.#streams.subscribe(record, t, accuse);
        return;
      case "subscribed":
        this.#streams.subscribed(record, t, accuse);
        return;
      case "delivery":
        this.#streams.delivery(record, t, accuse);
        return;
      case "pending":
        this.#streams.pending(record, t, accuse);
        return;
      case "gap":
        this.#streams.gap(record, t, accuse);
        return;
      case "reset":
        this.#streams.reset(record, t, accuse);
        return;
      case "left":
        this.#streams.left(record.subscriber);
        return;
      case "opened":
        this.#connections.opened(record);
        return;
      case "renewed":
        this.#connections.renewed(record);
        return;
      case "closed":
        this.#connections.closed(record, accuse);
        return;
      case "wall":
        this.#connections.wall(record, t, accuse);
        return;
      case "fault":
        this.#publishes.fault(record);
        this.#streams.fault(record, t);
        this.#durable.fault(record);
        if (record.fault === "crash" || record.fault === "drain") this.#works.nodeGone();
        if (record.channel !== undefined) this.#history(record.channel)?.fault(record, t);
        return;
      case "healed":
        this.#healed = { until: t + record.within_ms };
        return;
      case "dump":
        this.#dump();
        this.#history(record.channel)?.dump(record, accuse);
        return;
      case "baseline":
        this.#connections.baseline(record, accuse);
        return;
      case "work":
        this.#works.work(record, t);
        if (record.session !== undefined) this.#feeds.owned(record.operation, record.session);
        return;
      case "lease":
        this.#fences.lease(record, accuse);
        return;
      case "command":
        this.#commands.command(record, t, accuse);
        return;
      case "feed":
        this.#feeds.feed(record);
        return;
      case "document":
        this.#feeds.document(record, t, accuse);
        return;
      case "operation":
        this.#works.operation(record, t, accuse);
        this.#commands.operation(record, this.#works.isWatched(record.operation), t, accuse);
        return;
      case "durable":
        this.#durable.durable(record);
        return;
      case "handed":
        this.#durable.handed(record, accuse);
        return;
      case "acked":
        this.#durable.acked(record);
        return;
      case "letter":
        this.#durable.letter(record);
        return;
      case "durable_end":
        this.#durable.end(record, accuse);
        return;
      case "queue":
      case "joined":
      case "claimed":
      case "ticket_call":
      case "ticket_moved":
      case "person":
      case "placed":
      case "swept":
      case "touched":
      case "drain":
      case "queue_end":
        this.#queues.take(record, t, accuse);
        return;
      case "asked":
      case "answer_taken":
      case "question_over":
      case "question_state":
      case "questions_end":
        this.#questions.take(record, t, accuse);
        return;
      case "end":
        if (!this.#converged) accuse("journal", "the journal has no dump of the logs");
        this.#ended = true;
        return;
    }
  }

  #converged = false;

  /** Checks at the first dump that all subscribers and feeds have caught up. */
  #dump(): void {
    if (this.#converged) return;
    this.#converged = true;
    if (this.#healed === undefined || this.#t < this.#healed.until) {
      this.#accuse("journal", "the logs were dumped before the time to catch up had passed");
    }
    this.#streams.converged(this.#t, this.#accuse);
    this.#feeds.converged(this.#t, this.#accuse);
  }

  #history(channel: string): ChannelHistory | undefined {
    const history = this.#logs.get(channel);
    if (history === undefined)
      this.#accuse("journal", `no record describes the channel ${channel}`);
    return history;
  }
}
