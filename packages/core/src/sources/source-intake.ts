import type { Clock, DeadEntry, DeadLetterStore, SourceEntry, Taken } from "@milepost/engine";
import {
  cutText,
  type ErrorCode,
  type Failure,
  JsonText,
  MilepostError,
  type Priority,
  parseChannelName,
} from "@milepost/protocol";
import type { Channels } from "../channels/channels.ts";
import { deadLetterBounds } from "../dead-letters/dead-letter-bounds.ts";
import { orThrow } from "../input/input.ts";
import { publisherOf, type ServicePrincipal } from "../rules/principal.ts";
import type { ErrorLog } from "../runtime/error-log.ts";
import type { CoreLog } from "../runtime/options.ts";

const maxReasonLength = 1_000;
/** Maximum number of attempts after an error that can be retried but that the entry itself may cause. */
const maxTries = 5;
const needed = ["channel", "event", "data"] as const;
const known = [...needed, "key", "priority"] as const;
const doubtful: readonly ErrorCode[] = ["internal", "timed_out"];

/** Publication read from an entry of a source. */
interface Read {
  readonly channel: string;
  readonly event: string;
  readonly data: JsonText;
  readonly options: {
    readonly key: string;
    readonly priority?: Priority;
    readonly traceparent?: string;
  };
}

/** Parts of the node that a {@link SourceIntake} uses. */
export interface IntakeParts {
  readonly channels: Channels;
  readonly deadLetters: DeadLetterStore;
  readonly clock: Clock;
  readonly errorLog: ErrorLog;
  /** Log that receives a warning for each entry that becomes a dead letter. */
  readonly log: CoreLog | undefined;
  /** Throws while no entry may be taken: while the node shuts down, or its store is unavailable. */
  readonly refuse: () => void;
}

/**
 * Publishes the entries of sources, as a service named after the source. An entry that can never be published
 * becomes a dead letter.
 */
export class SourceIntake {
  readonly #channels: Channels;
  readonly #deadLetters: DeadLetterStore;
  readonly #clock: Clock;
  readonly #errorLog: ErrorLog;
  readonly #log: CoreLog | undefined;
  readonly #refuse: () => void;

  constructor({ channels, deadLetters, clock, errorLog, log, refuse }: IntakeParts) {
    this.#refuse = refuse;
    this.#channels = channels;
    this.#deadLetters = deadLetters;
    this.#clock = clock;
    this.#errorLog = errorLog;
    this.#log = log;
  }

  async take(source: string, entry: SourceEntry): Promise<Taken> {
    this.#refuse();
    const principal: ServicePrincipal = { kind: "service", name: `source:${source}` };
    let read: Read | undefined;
    try {
      read = readEntry(source, entry);
      const { channel, event, data, options } = read;
      const { duplicate } = await this.#channels.publish(principal, channel, event, data, options);
      return duplicate ? "duplicate" : "stored";
    } catch (error) {
      const failure = this.#errorLog.failureOf(error, { source, entry: entry.id });
      if (mayPass(failure, entry.attempt)) throw MilepostError.from(failure);
      await this.#giveUp(principal, source, entry, read, failure);
      return "dead_letter";
    }
  }

  /**
   * Moves an entry to the dead-letter queue. An entry that could not be read is kept as written, and cannot be
   * replayed.
   */
  async #giveUp(
    principal: ServicePrincipal,
    source: string,
    { id, fields, attempt }: SourceEntry,
    read: Read | undefined,
    { code, message }: Failure,
  ): Promise<void> {
    const dead: DeadEntry =
      read === undefined
        ? { json: JSON.stringify(fields) }
        : { event: read.event, json: read.data.text, key: read.options.key };
    const why = `publish_failed: ${code}: ${message}`;
    const where = ` (entry ${id} of ${source})`;
    await this.#deadLetters.put(
      {
        source: `source:${source}:${id}`,
        at: this.#clock.now(),
        channel: nameIn(fields),
        reason: `${cutText(why, maxReasonLength - where.length)}${where}`,
        publisher: publisherOf(principal),
        attempts: attempt,
        entry: dead,
      },
      deadLetterBounds,
    );
    this.#log?.warn(
      { event: "source.dead_letter", stream: source, entry: id, code },
      "an entry of a source is a dead letter",
    );
  }
}

/**
 * Returns true if another attempt may succeed. After `internal` and `timed_out`, which the entry itself may
 * cause, only five attempts are made. Otherwise one such entry would hold up all later entries.
 */
function mayPass({ code, retryable }: Failure, attempt: number): boolean {
  return retryable && !(doubtful.includes(code) && attempt >= maxTries);
}

function readEntry(source: string, { id, fields, damaged = [] }: SourceEntry): Read {
  const { channel, event, data, key, priority, traceparent } = fields;
  const broken = known.find((name) => damaged.includes(name));
  if (broken !== undefined) {
    throw new MilepostError("bad_message", `the field ${broken} of an entry is not UTF-8`);
  }
  if (channel === undefined || event === undefined || data === undefined) {
    const missing = needed.filter((name) => fields[name] === undefined).join(", ");
    throw new MilepostError(
      "bad_message",
      `an entry needs the fields channel, event and data; it lacks ${missing}`,
    );
  }
  // Redis hands over bytes, and every byte that is not UTF-8 becomes this character. Different keys would be one.
  if (key?.includes("\ufffd") === true) {
    throw new MilepostError(
      "bad_message",
      "key must be UTF-8 without the character U+FFFD, which stands for what is not",
    );
  }
  return {
    channel: orThrow(parseChannelName(channel)),
    event,
    data: orThrow(JsonText.parse(data)),
    options: {
      key: key ?? `${source}:${id}`,
      ...(priority === undefined ? {} : { priority: readPriority(priority) }),
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  };
}

/**
 * Returns the entry's channel if it is a valid name, otherwise an empty text. A dead letter thus never names an
 * invalid channel.
 */
function nameIn({ channel }: SourceEntry["fields"]): string {
  const read = parseChannelName(channel);
  return read.ok ? read.value : "";
}

function readPriority(text: string): Priority {
  if (text === "high" || text === "normal" || text === "low") return text;
  throw new MilepostError("bad_message", "priority must be one of high, normal, low");
}
