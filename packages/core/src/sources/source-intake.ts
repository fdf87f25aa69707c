import type { Clock, DeadEntry, DeadLetterStore, SourceEntry, Taken } from "@milepost/engine";
import {
  type ErrorCode,
  type Failure,
  MilepostError,
  type Priority,
  parseChannelName,
  parseJson,
} from "@milepost/protocol";
import type { Channels } from "../channels/channels.ts";
import { deadLetterBounds } from "../dead-letters/dead-letter-bounds.ts";
import { orThrow } from "../input/input.ts";
import { publisherOf, type ServicePrincipal } from "../rules/principal.ts";
import type { ErrorLog } from "../runtime/error-log.ts";
import type { CoreLog } from "../runtime/options.ts";

const maxReasonLength = 1_000;
/** How often an entry is tried whose failure may be its own, though it is called passing. */
const maxTries = 5;
const needed = ["channel", "event", "data"] as const;
const doubtful: readonly ErrorCode[] = ["internal", "timed_out"];

/** A publication read from an entry. */
interface Read {
  readonly channel: string;
  readonly event: string;
  readonly data: unknown;
  readonly options: { readonly key: string; readonly priority?: Priority };
}

/** What an intake needs of its node. */
export interface IntakeParts {
  readonly channels: Channels;
  readonly deadLetters: DeadLetterStore;
  readonly clock: Clock;
  readonly errorLog: ErrorLog;
  /** Told of what is given up. */
  readonly log: CoreLog | undefined;
  /** Throws while nothing may be taken: the node shuts down, or is without its store. */
  readonly refuse: () => void;
}

/** Publishes what sources bring, as a service of the source's name; what can never be published becomes a dead letter. */
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

  /** What could not even be read is kept as it was written, and cannot be replayed. */
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
        : { event: read.event, json: JSON.stringify(read.data), key: read.options.key };
    const why = `publish_failed: ${code}: ${message}`;
    const where = ` (entry ${id} of ${source})`;
    await this.#deadLetters.put(
      {
        source: `source:${source}:${id}`,
        at: this.#clock.now(),
        channel: nameIn(fields),
        reason: `${why.slice(0, maxReasonLength - where.length)}${where}`,
        publisher: publisherOf(principal),
        attempts: attempt,
        entry: dead,
      },
      deadLetterBounds,
    );
    this.#log?.warn({ stream: source, entry: id, code }, "an entry of a source is a dead letter");
  }
}

/** Whether it is worth to try again; a failure of the gateway itself only so often, since one entry must not hold up all others. */
function mayPass({ code, retryable }: Failure, attempt: number): boolean {
  return retryable && !(doubtful.includes(code) && attempt >= maxTries);
}

function readEntry(source: string, { id, fields }: SourceEntry): Read {
  const { channel, event, data, key, priority } = fields;
  if (channel === undefined || event === undefined || data === undefined) {
    const missing = needed.filter((name) => fields[name] === undefined).join(", ");
    throw new MilepostError(
      "bad_message",
      `an entry needs the fields channel, event and data; it lacks ${missing}`,
    );
  }
  return {
    channel: orThrow(parseChannelName(channel)),
    event,
    data: orThrow(parseJson(data)),
    options: {
      key: key ?? `${source}:${id}`,
      ...(priority === undefined ? {} : { priority: readPriority(priority) }),
    },
  };
}

/** The channel, where it is one: no other text may stand for a name. */
function nameIn({ channel }: SourceEntry["fields"]): string {
  const read = parseChannelName(channel);
  return read.ok ? read.value : "";
}

function readPriority(text: string): Priority {
  if (text === "high" || text === "normal" || text === "low") return text;
  throw new MilepostError("bad_message", "priority must be one of high, normal, low");
}
