import type {
  Appended,
  ChannelLog,
  LogPolicy,
  LogSlice,
  LogSnapshot,
  NewEntry,
} from "@milepost/engine";
import { formatPosition, type Publication } from "@milepost/protocol";
import { inSpan, spanNames, type Tracer } from "../runtime/tracer.ts";

/** Log whose appends of traced entries are spans. Everything else is the work of the log that it wraps. */
export class TracedLog implements ChannelLog {
  readonly #log: ChannelLog;
  readonly #tracer: Tracer;

  constructor(log: ChannelLog, tracer: Tracer) {
    this.#log = log;
    this.#tracer = tracer;
  }

  append(channel: string, entry: NewEntry, policy: LogPolicy): Promise<Appended> {
    const { traceparent } = entry;
    if (traceparent === undefined) return this.#log.append(channel, entry, policy);
    const span = this.#tracer.start(spanNames.append, {
      parent: traceparent,
      attributes: {
        "messaging.system": "milepost",
        "messaging.destination.name": channel,
        "milepost.event": entry.event,
        "milepost.bytes": entry.json.length,
      },
    });
    return inSpan(
      span,
      () => this.#log.append(channel, entry, policy),
      ({ publication, duplicate }) => ({
        "milepost.position": formatPosition(publication.position),
        "milepost.duplicate": duplicate,
      }),
    );
  }

  read(channel: string, after: number, limit: number, policy: LogPolicy): Promise<LogSlice> {
    return this.#log.read(channel, after, limit, policy);
  }

  find(
    channel: string,
    publisher: string,
    key: string,
    policy: LogPolicy,
  ): Promise<Publication | undefined> {
    return this.#log.find(channel, publisher, key, policy);
  }

  snapshot(channel: string, policy: LogPolicy): Promise<LogSnapshot> {
    return this.#log.snapshot(channel, policy);
  }

  peek(channel: string, policy: LogPolicy): Promise<LogSnapshot | undefined> {
    return this.#log.peek(channel, policy);
  }

  recall(channel: string, policy: LogPolicy): LogSnapshot | undefined {
    return this.#log.recall?.(channel, policy);
  }

  purge(channel: string, policy: LogPolicy): Promise<void> {
    return this.#log.purge(channel, policy);
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}
