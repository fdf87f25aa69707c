import type { Clock, DeadLetter, DeadLetterQuery, Engine } from "@milepost/engine";
import {
  compact,
  type Failure,
  formatPosition,
  integerIn,
  JsonText,
  MilepostError,
  parsePosition,
  textOf,
} from "@milepost/protocol";
import type { Channels } from "../channels/channels.ts";
import { durableBounds } from "../durable/durable-terms.ts";
import { wakeHolder } from "../durable/subscriber-signal.ts";
import { type DataForm, dataIn } from "../input/data-form.ts";
import { orThrow, readInput } from "../input/input.ts";
import type { Reach } from "../reach/reach.ts";
import { reachPublisher } from "../reach/thing.ts";
import { type Principal, serviceOf } from "../rules/principal.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import { requireService } from "../rules/service-scopes.ts";
import type { ErrorLog } from "../runtime/error-log.ts";
import type {
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetters,
  DeadLetterView,
  ManyDeadLetters,
  Replayed,
} from "./dead-letters-api.ts";

const maxPage = 1_000;

/**
 * Methods for dead letters, each called on behalf of a principal. Every method refuses principals that are not
 * services.
 */
export class DeadLetterService implements DeadLetters {
  readonly #engine: Engine;
  readonly #rules: RuleBook;
  readonly #clock: Clock;
  readonly #errorLog: ErrorLog;
  readonly #channels: Channels;
  readonly #reach: Pick<Reach, "again">;

  constructor(
    engine: Engine,
    rules: RuleBook,
    clock: Clock,
    errorLog: ErrorLog,
    channels: Channels,
    reach: Pick<Reach, "again">,
  ) {
    this.#engine = engine;
    this.#rules = rules;
    this.#clock = clock;
    this.#errorLog = errorLog;
    this.#channels = channels;
    this.#reach = reach;
  }

  async list(
    principal: Principal,
    filter: DeadLetterFilter,
    form: DataForm = "value",
  ): Promise<DeadLetterPage> {
    requireService(principal, "dead-letters");
    const { letters: deadLetters, next } = await this.#page(readFilter(filter));
    const counts = await this.#engine.deadLetters.count();
    return {
      letters: deadLetters.map((deadLetter) => viewOf(deadLetter, form)),
      ...next,
      ...counts,
    };
  }

  async get(principal: Principal, id: string, form: DataForm = "value"): Promise<DeadLetterView> {
    requireService(principal, "dead-letters");
    return viewOf(await this.#existing(id), form);
  }

  async replay(principal: Principal, id: string): Promise<Replayed> {
    requireService(principal, "dead-letters");
    return this.#replay(await this.#existing(id));
  }

  async drop(principal: Principal, id: string): Promise<void> {
    requireService(principal, "dead-letters");
    if (!(await this.#engine.deadLetters.remove(id))) throw notFound();
  }

  async replayMany(principal: Principal, filter: DeadLetterFilter): Promise<ManyDeadLetters> {
    requireService(principal, "dead-letters");
    return this.#each(filter, (deadLetter) => this.#replay(deadLetter));
  }

  async dropMany(principal: Principal, filter: DeadLetterFilter): Promise<ManyDeadLetters> {
    requireService(principal, "dead-letters");
    return this.#each(filter, ({ id }) => this.#engine.deadLetters.remove(id));
  }

  async #each(
    filter: DeadLetterFilter,
    handle: (deadLetter: DeadLetter) => Promise<unknown>,
  ): Promise<ManyDeadLetters> {
    const { letters: deadLetters, next } = await this.#page(readFilter(filter));
    const failed: { readonly id: string; readonly error: Failure }[] = [];
    for (const deadLetter of deadLetters) {
      try {
        await handle(deadLetter);
      } catch (error) {
        failed.push({ id: deadLetter.id, error: this.#errorLog.failureOf(error) });
      }
    }
    return { done: deadLetters.length - failed.length, failed, ...next };
  }

  async #page(query: DeadLetterQuery) {
    const found = await this.#engine.deadLetters.list({ ...query, limit: query.limit + 1 });
    const deadLetters = found.slice(0, query.limit);
    const last = deadLetters.at(-1);
    const next = found.length > deadLetters.length && last !== undefined ? { next: last.id } : {};
    return { letters: deadLetters, next };
  }

  #replay(deadLetter: DeadLetter): Promise<Replayed> {
    if (deadLetter.publisher === reachPublisher) return this.#reachAgain(deadLetter);
    return deadLetter.subscriber === undefined
      ? this.#publish(deadLetter)
      : this.#deliver(deadLetter);
  }

  /**
   * Requests another delivery to the dead letter's subscriber. The dead letter is removed once the entry is
   * acknowledged.
   */
  async #deliver({ id, channel, subscriber, entry }: DeadLetter): Promise<Replayed> {
    const position = parsePosition(entry.position);
    if (subscriber === undefined || !position.ok || entry.json === undefined) throw isGone();
    const key = { channel, ...subscriber };
    const replay = {
      letter: id,
      position: position.value,
      attempts: 0,
      dueAt: this.#clock.now(),
      isOut: false,
    };
    const outcome = await this.#engine.durable.replay(key, replay, durableBounds);
    if (outcome === "unknown") {
      throw new MilepostError(
        "not_possible_now",
        "the durable subscriber of this dead letter no longer exists; drop the dead letter",
      );
    }
    if (outcome === "full") {
      throw new MilepostError(
        "rate_limited",
        "too many replays are pending for this subscriber; retry when some are acknowledged",
      );
    }
    // A node that misses this signal finds the replay when it next refreshes the subscriber's state, within 30
    // s.
    await wakeHolder(this.#engine, this.#rules, key).catch(this.#errorLog.report);
    return { id, to: "subscriber" };
  }

  /** Schedules one more attempt to reach the target of a dead letter, then removes the dead letter. */
  async #reachAgain({ id, entry }: DeadLetter): Promise<Replayed> {
    if (entry.json === undefined) throw isGone();
    await this.#reach.again(id, entry.json);
    await this.#engine.deadLetters.remove(id);
    return { id, to: "target" };
  }

  /**
   * Publishes the dead letter's entry again, then removes the dead letter. If the removal fails, a repeated
   * replay within 10 minutes creates no second copy, since the entry has a dedupe key.
   */
  async #publish({
    id,
    channel,
    publisher = "gateway:dead-letters",
    entry,
  }: DeadLetter): Promise<Replayed> {
    const { event, json, key = `dead-letter:${id}` } = entry;
    if (event === undefined || json === undefined) throw isGone();
    const service = serviceOf(publisher);
    if (service !== undefined) {
      // The rules or schemas may have refused this entry before, so it must pass their checks now.
      const { position } = await this.#channels.publish(
        service,
        channel,
        event,
        new JsonText(json),
        { key },
      );
      await this.#engine.deadLetters.remove(id);
      return { id, to: "channel", position };
    }
    const { name, policy } = this.#rules.of(channel);
    const { log, deadLetters } = this.#engine;
    const { publication } = await log.append(name, { event, json, key, publisher }, policy);
    await deadLetters.remove(id);
    return { id, to: "channel", position: formatPosition(publication.position) };
  }

  async #existing(id: string): Promise<DeadLetter> {
    const deadLetter = await this.#engine.deadLetters.get(id);
    if (deadLetter === undefined) throw notFound();
    return deadLetter;
  }
}

function readFilter(filter: DeadLetterFilter): DeadLetterQuery {
  return orThrow(
    readInput(filter, (fields) =>
      compact({
        channel: fields.optional("channel", textOf(255)),
        subscriber: fields.optional("subscriber", textOf(64)),
        reason: fields.optional("reason", textOf(1_100)),
        after: fields.optional("after", textOf(64)),
        limit: fields.optional("limit", integerIn(1, maxPage)) ?? 100,
      }),
    ),
  );
}

function viewOf(
  { id, at, channel, reason, subscriber, attempts, entry }: DeadLetter,
  form: DataForm,
) {
  const { json, ...rest } = entry;
  return {
    id,
    at,
    channel,
    reason,
    ...(subscriber === undefined ? {} : { subscriber: subscriber.name, owner: subscriber.owner }),
    attempts,
    entry: { ...rest, ...(json === undefined ? {} : { data: dataIn(form, json) }) },
  } satisfies DeadLetterView;
}

function notFound(): MilepostError {
  return new MilepostError(
    "not_found",
    "there is no dead letter with this id; list the dead letters to see their ids",
  );
}

function isGone(): MilepostError {
  const message =
    "the dead letter holds no entry to deliver or publish again; drop the dead letter";
  return new MilepostError("not_possible_now", message);
}
