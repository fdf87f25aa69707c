import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Source, TakeEntry } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import {
  type Answer,
  isReply,
  type StreamConnection,
  StreamConnections,
} from "./stream-connection.ts";
import { StreamTurn } from "./stream-turn.ts";

const maxBlockMs = 1_000;
const turnEveryMs = 1_000;
const firstRetryMs = 200;
const maxRetryMs = 10_000;

/** A Redis Stream that programs in any language add publications to. */
export interface StreamSourceOptions {
  /** Where the stream is, as for the engine. */
  readonly url: string;
  /** The key of the stream; it names the source. */
  readonly stream: string;
  /** What keys beside the stream begin with; `milepost` unless told. */
  readonly prefix?: string;
  /** The consumer group, made where it is not there; `milepost` unless told. All nodes share it. */
  readonly group?: string;
  /** This node's name in the group; unique. Made up unless told. */
  readonly consumer?: string;
  /** Where a group begins that is made anew: with what the stream has (`start`, unless told) or with what comes (`new`). */
  readonly from?: "start" | "new";
  /**
   * Whether publications keep the stream's order, channel by channel: true unless told. Then one node reads at a time and the others
   * stand by; else all read, and only each node's share is in order.
   */
  readonly ordered?: boolean;
  /** Entries in hand at a time; 100 unless told. */
  readonly batch?: number;
  /** How long after the node that reads was last heard of another takes its turn, where one reads at a time, in milliseconds; 10,000 unless told. */
  readonly turnMs?: number;
  /** How long an entry may be with a consumer before another takes it over, in milliseconds, where all read; 30,000 unless told. */
  readonly claimIdleMs?: number;
  /** Whether entries are deleted from the stream once they are settled; false unless told. */
  readonly remove?: boolean;
  /** Told what failed and is tried again. */
  readonly onError?: (error: unknown) => void;
}

/** An entry as Redis has it. */
interface StreamEntry {
  readonly id: string;
  /** Absent when it was deleted since it was handed out. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** Reading was told to stop, or is another node's turn; what is in hand stays pending. */
class Interrupted extends Error {}

/**
 * Hands the entries of a Redis Stream over, each acknowledged only when it is settled: stored, or a dead letter.
 *
 * So an entry is never lost between the two, and one that comes again is known by its id. What a consumer that died had in hand is
 * taken over. An entry that cannot be settled now is tried again, and holds up what follows it in its channel; no more is
 * read meanwhile.
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
  #take: TakeEntry = () => Promise.reject(new Error("the source was not started"));
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
    this.#connections = new StreamConnections(url);
    this.#stream = stream;
    this.#group = group;
    this.#consumer = options.consumer ?? `node-${randomBytes(6).toString("base64url")}`;
    this.#from = from === "start" ? "0" : "$";
    this.#batch = String(batch);
    this.#claimIdleMs = claimIdleMs;
    this.#removes = remove;
    this.#onError = onError;
    // A name given twice must not make two nodes believe that it is their turn.
    const holder = `${this.#consumer}/${randomBytes(9).toString("base64url")}`;
    this.#turn = ordered
      ? new StreamTurn({ prefix, stream, group, holder, ttlMs: turnMs })
      : undefined;
    // The renewal of the turn waits behind a read that waits.
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
        // Where it is only another's turn there is no fault to wait out.
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

  /** What was handed out and never acknowledged comes before what is new: when it is our turn everybody's, else our own. */
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

  /** Takes over what has been with any consumer for so long. */
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
      ])) as [string, Answer];
      await this.#settle(connection, entriesOf(claimed));
      if (next === "0-0") return;
      cursor = next;
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
    ])) as readonly [readonly [string, Answer]] | null;
    return entriesOf(answer?.[0][1] ?? null);
  }

  /** Sends a command of the group, which Redis may have forgotten. */
  async #inGroup(connection: StreamConnection, command: string[]): Promise<Answer> {
    try {
      return await connection.send(...command);
    } catch (error) {
      if (!isReply(error, "NOGROUP") && !isReply(error, "UNBLOCKED")) throw error;
      this.#onError(error);
      // Whatever was added since is as yet unread.
      await this.#makeGroup(connection);
      return connection.send(...command);
    }
  }

  async #makeGroup(connection: StreamConnection): Promise<void> {
    const from = this.#from;
    try {
      await connection.send("XGROUP", "CREATE", this.#stream, this.#group, from, "MKSTREAM");
    } catch (error) {
      if (!isReply(error, "BUSYGROUP")) throw error;
    }
    // The group exists, so if Redis loses it, entries that it would have read must not be skipped.
    this.#from = "0";
  }

  /** Settles entries: in order within a channel, the channels beside each other. */
  async #settle(connection: StreamConnection, entries: readonly StreamEntry[]): Promise<void> {
    const lines = new Map<string | undefined, StreamEntry[]>();
    for (const entry of entries) {
      const line = lines.get(entry.fields?.channel);
      if (line === undefined) lines.set(entry.fields?.channel, [entry]);
      else line.push(entry);
    }
    const settling = [...lines.values()].map((line) => this.#settleQueue(connection, line));
    // Each comes to its end, and acknowledges what it has settled, before the connection is given up.
    const failed = (await Promise.allSettled(settling)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  async #settleQueue(connection: StreamConnection, line: readonly StreamEntry[]): Promise<void> {
    const settled: string[] = [];
    try {
      for (const entry of line) {
        for (let attempt = 1; !(await this.#isTaken(entry, attempt)); attempt++) {
          // It may take long; what is settled already need not come again if this node dies.
          await this.#acknowledge(connection, settled.splice(0));
        }
        settled.push(entry.id);
      }
    } finally {
      await this.#acknowledge(connection, settled);
    }
  }

  async #isTaken({ id, fields }: StreamEntry, attempt: number): Promise<boolean> {
    this.#mustBeOurTurn();
    if (fields === undefined) return true;
    try {
      await this.#take(this.#stream, { id, fields, attempt });
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

  /** Leaves the group in order: the next begins at once, and no consumer is left behind that has nothing. */
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

  /** Waits, but not past the closing. */
  async #pause(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#closing.signal }).catch(() => {});
  }
}

function entriesOf(answer: Answer): readonly StreamEntry[] {
  if (!Array.isArray(answer)) return [];
  const entries = answer as readonly (readonly [string, readonly string[] | null] | null)[];
  return entries.flatMap((entry): StreamEntry[] => {
    if (entry === null) return [];
    const [id, flat] = entry;
    return [flat === null ? { id } : { id, fields: fieldsOf(flat) }];
  });
}

/** Names and values by turns, as a record; of names that come twice the last counts. */
function fieldsOf(flat: readonly string[]): Readonly<Record<string, string>> {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i] ?? "", flat[i + 1] ?? ""]);
  return Object.fromEntries(pairs);
}

function backoffMs(failures: number): number {
  const most = Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(failures, 10));
  return most * (0.5 + Math.random() / 2);
}
