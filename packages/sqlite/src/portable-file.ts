import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type {
  DeadLetter,
  DurableState,
  InboxContents,
  InboxOwner,
  IndexedOperation,
  KeptQueue,
  KeptTicket,
  PendingEntry,
  PendingReplay,
  PortableData,
  PortableInbox,
  PortableLog,
  PortableQueue,
  QueueHour,
  QueueWorker,
  Revocation,
  Seen,
  StoredQuestion,
  TagRun,
} from "@milepost/engine";
import { MilepostError, type Position, type Publication } from "@milepost/protocol";
import { type DataFolder, databaseName, takeFolder } from "./data-folder.ts";
import type { Database, Row, Value } from "./driver/database.ts";
import { openDatabase } from "./driver/open-database.ts";
import { migrate, requireOurs } from "./schema.ts";
import { isOver, latestUse } from "./stored-log.ts";

/** Number of entries that are read at once. */
const rowsAtOnce = 500;

/** Data of a folder, to be written into another store. No gateway may use the folder until they are closed. */
export interface PortableFile extends PortableData {
  close(): void;
}

/**
 * Opens the data of a folder to read all of them.
 *
 * Throws `not_possible_now` while a gateway uses the folder, `not_found` when it has no data, and as a start does for data
 * of a newer release.
 */
export function openPortable(path: string): PortableFile {
  // Taking a folder makes it, and a wrong name must leave nothing behind.
  if (!existsSync(join(path, databaseName))) throw noData(path);
  const folder = takeFolder(path);
  try {
    const database = openDatabase(folder.file);
    try {
      if (requireOurs(database) === 0) throw noData(path);
      migrate(database);
      return new FileData(folder, database);
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    folder.release();
    throw error;
  }
}

function noData(path: string): MilepostError {
  return new MilepostError(
    "not_found",
    `there are no data in ${path}; name the folder with --data`,
  );
}

class FileData implements PortableFile {
  readonly id: string;
  readonly now: number;
  readonly #folder: DataFolder;
  readonly #database: Database;

  constructor(folder: DataFolder, database: Database) {
    this.#folder = folder;
    this.#database = database;
    // The time of the store never goes back, so what has ended by it stays so.
    this.now = Math.max(Date.now(), this.#number("SELECT value FROM meta WHERE name = 'clock'"));
    database
      .prepare("INSERT INTO meta VALUES ('identity', ?) ON CONFLICT DO NOTHING")
      .run(randomUUID());
    const identity = database.prepare("SELECT value FROM meta WHERE name = 'identity'").get();
    const opened = this.#number("SELECT value FROM meta WHERE name = 'opened'");
    this.id = `${text(identity?.value)} ${opened}`;
  }

  *logs(): Iterable<PortableLog> {
    for (const row of this.#all("SELECT * FROM log ORDER BY id")) {
      const log = {
        offset: Number(row.offset),
        usedAt: latestUse(Number(row.used_at), this.now),
        maxAgeMs: Number(row.max_age),
        keysUntil: Number(row.keys_until),
      };
      if (!isOver(this.now, log)) yield this.#log(row);
    }
  }

  *leases() {
    for (const row of this.#kept("SELECT * FROM lease")) {
      yield {
        name: text(row.name),
        token: text(row.token),
        fence: Number(row.fence),
        ttlMs: Number(row.ttl),
        expiresAt: Number(row.expires_at),
        since: Number(row.since),
        ...(row.holder === null ? {} : { holder: text(row.holder) }),
        endsInMs: Number(row.ends_at) - this.now,
        isReleased: row.released !== 0,
        leftMs: this.#left(row.until),
      };
    }
  }

  *records() {
    for (const { space, name, value, until } of this.#kept("SELECT * FROM record")) {
      yield { space: text(space), name: text(name), value: text(value), leftMs: this.#left(until) };
    }
  }

  *usedNames() {
    for (const { space, name, until } of this.#kept("SELECT * FROM used_name")) {
      yield { space: text(space), name: text(name), leftMs: this.#left(until) };
    }
  }

  *holdings() {
    for (const { owner, item, bytes, until } of this.#kept("SELECT * FROM holding")) {
      const keepMs = this.#left(until);
      yield { owner: text(owner), item: text(item), bytes: Number(bytes), keepMs };
    }
  }

  *targets() {
    for (const { owner, id, value, until } of this.#kept("SELECT * FROM target")) {
      yield { owner: text(owner), id: text(id), value: text(value), leftMs: this.#left(until) };
    }
  }

  *revocations() {
    for (const { json, until } of this.#kept("SELECT * FROM revocation", "number")) {
      yield { ...parsed<Revocation>(json), leftMs: this.#left(until) };
    }
  }

  *durations() {
    for (const { kind, records, counts, until } of this.#kept("SELECT * FROM duration", "number")) {
      yield {
        kind: text(kind),
        records: text(records).split("\n"),
        counts: parsed<Record<string, number>>(counts),
        leftMs: this.#left(until),
      };
    }
  }

  *deadLetters() {
    for (const row of this.#kept("SELECT * FROM dead_letter", "number")) {
      const { json, number, length, until } = row;
      const rest = { number: Number(number), length: Number(length), leftMs: this.#left(until) };
      yield { ...parsed<DeadLetter>(json), ...rest };
    }
  }

  get droppedDeadLetters(): number {
    return this.#number("SELECT value FROM meta WHERE name = 'dead_letters_dropped'");
  }

  *deliveries() {
    for (const { id, content, due_at, attempts } of this.#all("SELECT * FROM delivery")) {
      const dueInMs = Math.max(0, Number(due_at) - this.now);
      yield { id: text(id), content: text(content), dueInMs, attempts: Number(attempts) };
    }
  }

  *finishedDeliveries() {
    for (const { id, until } of this.#kept("SELECT * FROM finished_delivery", "number")) {
      yield { id: text(id), leftMs: this.#left(until) };
    }
  }

  *subscribers() {
    for (const row of this.#kept("SELECT * FROM subscriber")) {
      const { channel, owner, name } = row;
      yield {
        key: { channel: text(channel), owner: text(owner), name: text(name) },
        fence: Number(row.fence),
        state: this.#durableState(row),
        leftMs: this.#left(row.until),
      };
    }
  }

  *operations() {
    for (const { json, due_at, until } of this.#kept("SELECT * FROM operation", "created, id")) {
      const operation = parsed<IndexedOperation>(json);
      yield { operation, ...this.#due(due_at), leftMs: this.#left(until) };
    }
  }

  *questions() {
    for (const row of this.#kept("SELECT * FROM question", "asked, number")) {
      const question: StoredQuestion = {
        id: text(row.id),
        operationId: text(row.operation),
        revision: Number(row.revision),
        status: row.status as StoredQuestion["status"],
        ...parsed<Pick<StoredQuestion, "lists" | "json">>(row.json),
      };
      const key = row.key === null ? {} : { key: text(row.key) };
      yield { question, ...key, ...this.#due(row.due_at), leftMs: this.#left(row.until) };
    }
  }

  *inboxes(): Iterable<PortableInbox> {
    for (const { owner, place, revision } of this.#all("SELECT * FROM inbox ORDER BY owner")) {
      const parts = { items: new Map(), pending: new Map(), closed: new Map() };
      const rows = this.#all(
        "SELECT kind, id, json FROM inbox_part WHERE owner = ? ORDER BY number",
        text(owner),
      );
      for (const { kind, id, json } of rows) {
        parts[kind as keyof typeof parts].set(text(id), parsed(json));
      }
      const contents: InboxContents = { place: Number(place), revision: Number(revision), parts };
      yield { owner: owner as InboxOwner, contents };
    }
  }

  *roles() {
    for (const { owner, json, until } of this.#kept(
      "SELECT * FROM inbox_value WHERE kind = 'roles'",
    )) {
      const roles = parsed<readonly string[]>(json);
      yield { owner: owner as InboxOwner, roles, leftMs: this.#left(until) };
    }
  }

  *members() {
    for (const { owner, member, until } of this.#kept("SELECT * FROM inbox_member")) {
      const leftMs = this.#left(until);
      yield { owner: owner as InboxOwner, member: member as InboxOwner, leftMs };
    }
  }

  *seen() {
    for (const { owner, json, until } of this.#kept(
      "SELECT * FROM inbox_value WHERE kind = 'seen'",
    )) {
      yield { owner: owner as InboxOwner, seen: parsed<Seen>(json), leftMs: this.#left(until) };
    }
  }

  *queues(): Iterable<PortableQueue> {
    for (const { name, json } of this.#all("SELECT name, json FROM queue ORDER BY name")) {
      const parts = <T>(kind: string) =>
        this.#all(
          "SELECT json FROM queue_part WHERE queue = ? AND kind = ? ORDER BY id",
          text(name),
          kind,
        ).map((row) => parsed<T>(row.json));
      yield {
        name: text(name),
        kept: parsed<KeptQueue>(json),
        tickets: parts<KeptTicket>("ticket"),
        workers: parts<QueueWorker>("worker"),
        hours: parts<QueueHour>("hour"),
      };
    }
  }

  close(): void {
    this.#folder.release();
    this.#database.close();
  }

  #log(row: Row): PortableLog {
    const id = Number(row.id);
    const epoch = text(row.epoch);
    const floor = { epoch, offset: Number(row.floor), tag: text(row.floor_tag) };
    const state = this.#database.prepare("SELECT * FROM log_state WHERE log = ?").get(id);
    const usedAt = latestUse(Number(row.used_at), this.now);
    const keptMs = usedAt + Number(row.max_age) - this.now;
    return {
      channel: text(row.channel),
      head: { epoch, offset: Number(row.offset), tag: text(row.tag) },
      floor,
      leftMs: Math.max(0, keptMs),
      keysLeftMs: this.#left(row.keys_until),
      ids: Number(row.ids),
      ...(row.ending === null ? {} : { end: parsed<Publication>(row.ending) }),
      ...(state === undefined
        ? {}
        : {
            state: {
              projection: text(state.projection),
              offset: Number(state.offset),
              json: state.state === null ? "null" : text(state.state),
            },
          }),
      // A state that lags behind the floor needs the entries after it.
      entries: () => {
        const after = Math.min(Number(state?.offset ?? 0), floor.offset);
        return this.#entries(id, text(row.channel), epoch, after);
      },
      keys: () => this.#keys(id),
      owners: () =>
        this.#all("SELECT * FROM id_owner WHERE log = ? ORDER BY number", id).map((owned) => ({
          id: text(owned.id),
          owner: text(owned.owner),
          number: Number(owned.number),
        })),
    };
  }

  *#entries(log: number, channel: string, epoch: string, after: number): Iterable<Publication> {
    const page = this.#database.prepare(
      "SELECT offset, tag, event, json, ts, rest FROM entry WHERE log = ? AND offset > ? ORDER BY offset LIMIT ?",
    );
    for (let from = after; ; ) {
      const rows = page.all(log, from, rowsAtOnce);
      for (const row of rows) {
        from = Number(row.offset);
        yield {
          channel,
          position: { epoch, offset: from, tag: text(row.tag) },
          previousTag: "",
          event: text(row.event),
          json: text(row.json),
          ts: Number(row.ts),
          ...(row.rest === null ? {} : parsed<object>(row.rest)),
        };
      }
      if (rows.length < rowsAtOnce) return;
    }
  }

  *#keys(log: number) {
    for (const row of this.#all(
      "SELECT * FROM entry_key WHERE log = ? AND until > ?",
      log,
      this.now,
    )) {
      yield {
        name: text(row.name),
        offset: Number(row.offset),
        tag: text(row.tag),
        event: text(row.event),
        ts: Number(row.ts),
        leftMs: this.#left(row.until),
      };
    }
  }

  #durableState(row: Row): DurableState {
    const parts = <T>(kind: string) =>
      this.#all(
        "SELECT json FROM subscriber_part WHERE subscriber = ? AND kind = ? ORDER BY number",
        Number(row.id),
        kind,
      ).map(({ json }) => parsed<T>(json));
    return {
      revision: Number(row.revision),
      acked: parsed<Position>(row.acked),
      sent: parsed<Position>(row.sent),
      repeatsTo: Number(row.repeats_to),
      tags: parts<TagRun>("tags"),
      pending: parts<PendingEntry>("pending"),
      replays: parts<PendingReplay>("replay"),
    };
  }

  #all(sql: string, ...values: readonly Value[]): readonly Row[] {
    return this.#database.prepare(sql).all(...values);
  }

  /** Returns the rows whose time has not ended. */
  #kept(select: string, order = "until"): readonly Row[] {
    const condition = select.includes(" WHERE ") ? "AND" : "WHERE";
    return this.#all(`${select} ${condition} until > ? ORDER BY ${order}`, this.now);
  }

  #left(until: Value | undefined): number {
    return Math.max(0, Number(until) - this.now);
  }

  #due(at: Value | undefined): { readonly dueInMs?: number } {
    return at === null || at === undefined ? {} : { dueInMs: Number(at) - this.now };
  }

  #number(sql: string): number {
    return Number(this.#database.prepare(sql).get()?.value ?? 0);
  }
}

function text(value: Value | undefined): string {
  return String(value ?? "");
}

function parsed<T>(json: Value | undefined): T {
  return JSON.parse(text(json)) as T;
}
