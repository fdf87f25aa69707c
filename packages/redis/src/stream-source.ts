import { isUtf8 } from "node:buffer";
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Source, TakeEntry } from "@milepost/engine";
import { longestTimerMs, MilepostError } from "@milepost/protocol";
import type { RedisTls } from "./redis-tls.ts";
import { retryDelayMs } from "./retry-delay.ts";
import {
  type Answer,
  type BytesAnswer,
  isReply,
  type StreamConnection,
  StreamConnections,
} from "./stream-connection.ts";
import { StreamTurn } from "./stream-turn.ts";

const maxBlockMs = 1_000;
const turnEveryMs = 1_000;
const firstRetryMs = 200;
const maxRetryMs = 10_000;

/**
 * Options of {@link redisStreamSource}, which reads publications that programs in any language add to a Redis
 * Stream.
 */
export interface StreamSourceOptions {
  /** Address of the Redis that has the stream, in the form that `connectRedis` takes. */
  readonly url: string;
  /** Certificates of connections over TLS. */
  readonly tls?: RedisTls;
  /** Key of the stream, and the name of the source. */
  readonly stream: string;
  /** Prefix of the keys that the source itself stores in Redis; default `milepost`. */
  readonly prefix?: string;
  /** Consumer group, shared by all nodes and created when it does not exist; default `milepost`. */
  readonly group?: string;
  /** Name of this node in the group; must be unique. By default a random name. */
  readonly consumer?: string;
  /**
   * Start of a new group: with the entries that the stream already has (`start`, the default), or only with
   * later ones (`new`).
   */
  readonly from?: "start" | "new";
  /**
   * True keeps the stream's order in each channel: one node reads at a time, and the others stand by. With
   * false all nodes read, and only each node's own share is in order. Default: true.
   */
  readonly ordered?: boolean;
  /** Maximum number of entries read at a time; default 100. */
  readonly batch?: number;
  /**
   * Time without a renewal after which another node takes over the turn to read, in milliseconds; default
   * 10,000. Used when `ordered` is true.
   */
  readonly turnMs?: number;
  /**
   * Time an entry may be pending at a consumer before another takes it over, in milliseconds; default 30,000.
   * Used when `ordered` is false.
   */
  readonly claimIdleMs?: number;
  /** True deletes entries from the stream once they are settled; default false. */
  readonly remove?: boolean;
  /** Called with each error after which the source retries. By default such errors are ignored. */
  readonly onError?: (error: unknown) => void;
}

/** Entry of a stream, as Redis returns it. */
interface StreamEntry {
  readonly id: string;
  /**
   * Fields of the entry; absent when the entry was deleted from the stream after its delivery to a consumer.
   */
  readonly fields?: Readonly<Record<string, string>>;
  /** Names of the fields that are not UTF-8. */
  readonly damaged: readonly string[];
}

/**
 * Error thrown when reading must stop, because the source closes or no longer has the turn to read. Entries
 * that are not settled yet stay pending.
 */
class Interrupted extends Error {}

/**
 * Creates a source that hands over the entries of a Redis Stream. An entry is acknowledged only once it is
 * settled: stored, or kept as a dead letter.
 *
 * No entry is lost between the stream and the log, and an entry that is delivered again is recognised by its
 * id. The pending entries of a dead consumer are taken over. An entry that cannot be settled now is retried. It
 * holds up later entries of its channel, and no further entries are read meanwhile.
 */
export function redisStreamSource(options: StreamSourceOptions): Source {
  return new RedisStreamSource(options);
}

class RedisStreamSource implements Source {
  readonly #connections: StreamConnections;
  readonly #stream: string;
  readonly #group: string;
  readonly #consumer: string;
  #from: string;
  readonly #batch: string;
  readonly #blockMs: string;
  readonly #claimIdleMs: number;
  readonly #removes: boolean;
  readonly #onError: (error: unknown) => void;
  readonly #turn: StreamTurn | undefined;
  readonly #closing = new AbortController();
  #take: TakeEntry = () =>
    Promise.reject(new Error("the source was not started; call start() first"));
  #running: Promise<void> | undefined;

  constructor(options: StreamSourceOptions) {
    const {
      url,
      stream,
      group = "milepost",
      from = "start",
      ordered = true,
      batch = 100,
    } = options;
    const { turnMs = 10_000, claimIdleMs = 30_000, remove = false } = options;
    const { prefix = "milepost", onError = () => {} } = options;
    this.#connections = new StreamConnections(url, options.tls);
    this.#stream = stream;
    this.#group = group;
    this.#consumer = options.consumer ?? `node-${randomBytes(6).toString("base64url")}`;
    this.#from = from === "start" ? "0" : "$";
    this.#batch = String(batch);
    this.#claimIdleMs = claimIdleMs;
    this.#removes = remove;
    this.#onError = onError;
    // Two nodes with the same consumer name must not both believe that they have the turn to read.
    const holder = `${this.#consumer}/${randomBytes(9).toString("base64url")}`;
    this.#turn = ordered
      ? new StreamTurn({ prefix, stream, group, holder, ttlMs: turnMs })
      : undefined;
    // A renewal of the turn must wait for a blocking read, so reads block for a quarter of the turn at most.
    this.#blockMs = String(ordered ? Math.min(maxBlockMs, Math.floor(turnMs / 4)) : maxBlockMs);
  }

  start(take: TakeEntry): void {
    this.#take = take;
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#isClosing; failures++) {
      let connection: StreamConnection | undefined;
      try {
        connection = await this.#connections.open();
        await this.#makeGroup(connection);
        failures = 0;
        await this.#read(connection).catch((error: unknown) => {
          if (!this.#isClosing || !(error instanceof Interrupted)) throw error;
        });
        await this.#leave(connection);
      } catch (error) {
        if (!(error instanceof Interrupted)) this.#onError(error);
        // A redirect needs no pause: the next connection goes to the node that has the stream.
        if (!isReply(error, "MOVED")) await this.#pause(backoffMs(failures));
      } finally {
        this.#turn?.lose();
        connection?.end();
      }
    }
  }

  async #read(connection: StreamConnection): Promise<void> {
    if (!(await this.#waitForTurn(connection))) return;
    await this.#finishPending(connection);
    let claimAt = performance.now() + this.#claimIdleMs;
    while (!this.#isClosing) {
      this.#mustBeOurTurn();
      if (this.#turn === undefined && performance.now() >= claimAt) {
        await this.#claim(connection, this.#claimIdleMs);
        claimAt = performance.now() + this.#claimIdleMs / 2;
      }
      await this.#settle(connection, await this.#next(connection, ">"));
    }
  }

  async #waitForTurn(connection: StreamConnection): Promise<boolean> {
    if (this.#turn === undefined) return true;
    while (!this.#isClosing) {
      if (await this.#turn.take(connection)) return true;
      await this.#pause(turnEveryMs);
    }
    return false;
  }

  /**
   * Settles entries that were delivered but never acknowledged, before new ones are read. When `ordered` is
   * true, these are the entries of all consumers; otherwise only this node's own.
   */
  async #finishPending(connection: StreamConnection): Promise<void> {
    if (this.#turn !== undefined) {
      await this.#claim(connection, 0);
      return;
    }
    for (let after = "0"; !this.#isClosing; ) {
      const entries = await this.#next(connection, after);
      const last = entries.at(-1);
      if (last === undefined) return;
      await this.#settle(connection, entries);
      after = last.id;
    }
  }

  /** Takes over and settles entries that have been pending at any consumer for `idleMs` milliseconds. */
  async #claim(connection: StreamConnection, idleMs: number): Promise<void> {
    for (let cursor = "0-0"; !this.#isClosing; ) {
      const [next, claimed] = (await this.#inGroup(connection, [
        "XAUTOCLAIM",
        this.#stream,
        this.#group,
        this.#consumer,
        String(idleMs),
        cursor,
        "COUNT",
        this.#batch,
      ])) as [Buffer, BytesAnswer];
      await this.#settle(connection, entriesOf(claimed));
      cursor = next.toString();
      if (cursor === "0-0") return;
    }
  }

  async #next(connection: StreamConnection, after: string): Promise<readonly StreamEntry[]> {
    const answer = (await this.#inGroup(connection, [
      "XREADGROUP",
      "GROUP",
      this.#group,
      this.#consumer,
      "COUNT",
      this.#batch,
      "BLOCK",
      this.#blockMs,
      "STREAMS",
      this.#stream,
      after,
    ])) as readonly [readonly [Buffer, BytesAnswer]] | null;
    return entriesOf(answer?.[0][1] ?? null);
  }

  /** Sends a command that needs the consumer group, and creates the group again if Redis has lost it. */
  async #inGroup(connection: StreamConnection, command: string[]): Promise<BytesAnswer> {
    try {
      return await connection.sendForBytes(...command);
    } catch (error) {
      if (!isReply(error, "NOGROUP") && !isReply(error, "UNBLOCKED")) throw error;
      this.#onError(error);
      // The new group has read nothing yet, so it begins at the start of the stream.
      await this.#makeGroup(connection);
      return connection.sendForBytes(...command);
    }
  }

  async #makeGroup(connection: StreamConnection): Promise<void> {
    const from = this.#from;
    try {
      await connection.send("XGROUP", "CREATE", this.#stream, this.#group, from, "MKSTREAM");
    } catch (error) {
      if (!isReply(error, "BUSYGROUP")) throw error;
    }
    // The group exists from now on. If Redis loses it, the new group begins at the start of the stream, so that
    // no entry is skipped.
    this.#from = "0";
  }

  /** Settles entries: in order within a channel, the channels in parallel. */
  async #settle(connection: StreamConnection, entries: readonly StreamEntry[]): Promise<void> {
    const lines = new Map<string | undefined, StreamEntry[]>();
    for (const entry of entries) {
      const line = lines.get(entry.fields?.channel);
      if (line === undefined) lines.set(entry.fields?.channel, [entry]);
      else line.push(entry);
    }
    const settling = [...lines.values()].map((line) => this.#settleQueue(connection, line));
    // The connection may end only once every channel has acknowledged its settled entries.
    const failed = (await Promise.allSettled(settling)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  async #settleQueue(connection: StreamConnection, line: readonly StreamEntry[]): Promise<void> {
    const settled: string[] = [];
    try {
      for (const entry of line) {
        for (let attempt = 1; !(await this.#isTaken(entry, attempt)); attempt++) {
          // Retries may take long. Settled entries acknowledged now are not delivered again if this node dies.
          await this.#acknowledge(connection, settled.splice(0));
        }
        settled.push(entry.id);
      }
    } finally {
      await this.#acknowledge(connection, settled);
    }
  }

  async #isTaken({ id, fields, damaged }: StreamEntry, attempt: number): Promise<boolean> {
    this.#mustBeOurTurn();
    if (fields === undefined) return true;
    try {
      await this.#take(this.#stream, { id, fields, damaged, attempt });
      return true;
    } catch (error) {
      if (this.#isClosing) throw new Interrupted();
      this.#onError(error);
      const retryAfterMs = error instanceof MilepostError ? (error.retryAfterMs ?? 0) : 0;
      await this.#pause(Math.max(retryAfterMs, backoffMs(attempt - 1)));
      if (this.#isClosing) throw new Interrupted();
      return false;
    }
  }

  async #acknowledge(connection: StreamConnection, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const acknowledged = connection.send("XACK", this.#stream, this.#group, ...ids);
    const removed = this.#removes ? connection.send("XDEL", this.#stream, ...ids) : undefined;
    await Promise.all([acknowledged, removed]);
  }

  /**
   * Leaves the consumer group. Gives up the turn to read, so that the next node begins at once. Deletes the
   * consumer if it has no pending entries.
   */
  async #leave(connection: StreamConnection): Promise<void> {
    await this.#turn?.giveUp(connection);
    const pending = ["XPENDING", this.#stream, this.#group, "-", "+", "1", this.#consumer] as const;
    const left = (await connection.send(...pending)) as readonly Answer[];
    if (left.length > 0) return;
    await connection.send("XGROUP", "DELCONSUMER", this.#stream, this.#group, this.#consumer);
  }

  #mustBeOurTurn(): void {
    if (this.#turn?.isHeld === false) throw new Interrupted();
  }

  /** Waits for `ms` milliseconds, or until the source closes. */
  async #pause(ms: number): Promise<void> {
    // A longer delay than a timer can hold would end at once.
    await pause(Math.min(ms, longestTimerMs), undefined, { signal: this.#closing.signal }).catch(
      () => {},
    );
  }
}

function entriesOf(answer: BytesAnswer): readonly StreamEntry[] {
  if (!Array.isArray(answer)) return [];
  const entries = answer as readonly (readonly [Buffer, readonly Buffer[] | null] | null)[];
  return entries.flatMap((entry): StreamEntry[] => {
    if (entry === null) return [];
    const [id, flat] = entry;
    return [{ id: id.toString(), ...(flat === null ? { damaged: [] } : fieldsOf(flat)) }];
  });
}

/** Returns alternating names and values as a record. Of a repeated name the last value counts. */
function fieldsOf(flat: readonly Buffer[]): Required<Omit<StreamEntry, "id">> {
  const fields = new Map<string, string>();
  const damaged = new Set<string>();
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = flat[i]?.toString() ?? "";
    const value = flat[i + 1] ?? Buffer.of();
    fields.set(name, value.toString());
    if (isUtf8(value)) damaged.delete(name);
    else damaged.add(name);
  }
  return { fields: Object.fromEntries(fields), damaged: [...damaged] };
}

function backoffMs(failures: number): number {
  return retryDelayMs(failures, { firstMs: firstRetryMs, maxMs: maxRetryMs, least: 0.5 });
}
