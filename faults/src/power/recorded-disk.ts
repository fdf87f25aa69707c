import type { Random } from "../random.ts";
import type { DiskEvent } from "./recording.ts";

type Change =
  | { readonly offset: number; readonly data: Buffer; readonly size?: undefined }
  | { readonly size: number };

/** File of the disk: what is surely on it, and the changes since, which may be there or not. */
interface DiskFile {
  durable: Buffer;
  pending: Change[];
  /** Number of changes that became durable so far. */
  settled: number;
}

/** Change of the names in the folder that is not durable yet. */
type NameChange =
  | { readonly name: string; readonly file: DiskFile }
  | { readonly name: string; readonly file?: undefined };

interface Syncing {
  readonly file: DiskFile | undefined;
  /** Number of changes of the file, or of names, that the sync makes durable. */
  readonly upTo: number;
}

/**
 * Remains, after a loss of power, of the changes that no sync has covered.
 *
 * `none` and `all` of them; `prefix`: those up to one moment, the last one torn; `some`: any of them, torn or whole, in any
 * order between two syncs.
 */
export type Loss = "none" | "all" | "prefix" | "some";

/** All kinds of {@link Loss}. */
export const losses: readonly Loss[] = ["none", "all", "prefix", "some"];

/**
 * Disk that follows a recording, and tells what may be on it when the power is lost.
 *
 * A sync makes durable what was written to its file before it began. A sync of the folder makes the names in it durable.
 * Everything else may be on the disk or not. A write is torn at the borders of sectors; bytes beside it do not change.
 */
export class RecordedDisk {
  readonly #files = new Map<bigint, DiskFile>();
  readonly #names = new Map<string, DiskFile>();
  readonly #durableNames = new Map<string, DiskFile>();
  #nameChanges: NameChange[] = [];
  #settledNames = 0;
  readonly #syncs = new Map<bigint, Syncing>();
  #folder: bigint | undefined;

  /** Follows one event of the recording. Throws for a call whose effect the recording does not have. */
  follow(event: DiskEvent): void {
    switch (event.kind) {
      case "opened":
        this.#open(event.path, event.file);
        return;
      case "written":
        this.#fileOf(event.file).pending.push({ offset: event.offset, data: event.data });
        return;
      case "truncated":
        this.#fileOf(event.file).pending.push({ size: event.size });
        return;
      case "renamed": {
        const file = this.#names.get(event.from);
        if (file === undefined) return;
        this.#name(event.from, undefined);
        this.#name(event.to, file);
        return;
      }
      case "deleted":
        this.#name(event.path, undefined);
        return;
      case "sync_begun": {
        const isFolder = event.file === this.#folder;
        const file = isFolder ? undefined : this.#fileOf(event.file);
        const upTo =
          file === undefined
            ? this.#settledNames + this.#nameChanges.length
            : file.settled + file.pending.length;
        this.#syncs.set(event.sync, { file, upTo });
        return;
      }
      case "sync_ended": {
        const sync = this.#syncs.get(event.sync);
        this.#syncs.delete(event.sync);
        if (sync?.file === undefined) this.#settleNames(sync?.upTo ?? 0);
        else settle(sync.file, sync.upTo);
        return;
      }
      case "unseen":
        if (!this.#isRebuilt(event.file)) {
          throw new Error(`the recorder does not see what ${event.call} does to the files`);
        }
    }
  }

  /** Returns the files as the running system sees them, by path. */
  get contents(): ReadonlyMap<string, Buffer> {
    const contents = new Map<string, Buffer>();
    for (const [name, { durable, pending }] of this.#names) {
      if (!isRebuilt(name)) contents.set(name, applied(durable, pending));
    }
    return contents;
  }

  /** Returns one of the states in which a loss of power may leave the folder now, by path. */
  afterLoss(loss: Loss, random: Random): ReadonlyMap<string, Buffer> {
    const names = new Map(this.#durableNames);
    const kept = keptNumber(loss, this.#nameChanges.length, random);
    for (const { name, file } of this.#nameChanges.slice(0, kept)) {
      if (file === undefined) names.delete(name);
      else names.set(name, file);
    }
    const contents = new Map<string, Buffer>();
    for (const [name, { durable, pending }] of names) {
      if (isRebuilt(name)) continue;
      contents.set(name, applied(durable, [...survivors(pending, loss, random)]));
    }
    return contents;
  }

  #open(path: string, file: bigint): void {
    if (path === "") {
      this.#folder = file;
      return;
    }
    if (this.#names.has(path)) return;
    // The number of a file that was deleted may be given to another one.
    const created: DiskFile = { durable: Buffer.alloc(0), pending: [], settled: 0 };
    this.#files.set(file, created);
    this.#name(path, created);
  }

  #name(name: string, file: DiskFile | undefined): void {
    if (file === undefined) this.#names.delete(name);
    else this.#names.set(name, file);
    this.#nameChanges.push(file === undefined ? { name } : { name, file });
  }

  #settleNames(upTo: number): void {
    const count = Math.max(0, upTo - this.#settledNames);
    for (const { name, file } of this.#nameChanges.splice(0, count)) {
      if (file === undefined) this.#durableNames.delete(name);
      else this.#durableNames.set(name, file);
    }
    this.#settledNames += count;
  }

  #fileOf(number: bigint): DiskFile {
    const file = this.#files.get(number);
    if (file === undefined) throw new Error(`the recording has no file ${number}`);
    return file;
  }

  #isRebuilt(number: bigint): boolean {
    const file = this.#fileOf(number);
    return [...this.#names].some(([name, named]) => named === file && isRebuilt(name));
  }
}

/** The index of the write-ahead log is memory that processes share; SQLite builds it anew. */
function isRebuilt(name: string): boolean {
  return name.endsWith("-shm");
}

function settle(file: DiskFile, upTo: number): void {
  const count = Math.max(0, upTo - file.settled);
  file.durable = applied(file.durable, file.pending.splice(0, count));
  file.settled += count;
}

/** Returns contents with changes. */
function applied(contents: Buffer, changes: readonly Change[]): Buffer {
  let size = contents.length;
  let longest = size;
  for (const change of changes) {
    size = change.size ?? Math.max(size, change.offset + change.data.length);
    longest = Math.max(longest, size);
  }
  const result = Buffer.alloc(longest);
  contents.copy(result);
  let end = contents.length;
  for (const change of changes) {
    if (change.size === undefined) {
      change.data.copy(result, change.offset);
      end = Math.max(end, change.offset + change.data.length);
    } else {
      if (change.size < end) result.fill(0, change.size, end);
      end = change.size;
    }
  }
  return result.subarray(0, end);
}

function keptNumber(loss: Loss, count: number, random: Random): number {
  if (loss === "none") return 0;
  return loss === "all" ? count : random.between(0, count);
}

function* survivors(pending: readonly Change[], loss: Loss, random: Random): Iterable<Change> {
  if (loss === "some") {
    const share = random.fraction();
    for (const change of pending) {
      if (random.fraction() < share) yield change;
      else if (random.fraction() < 0.5) yield* torn(change, random);
    }
    return;
  }
  const kept = keptNumber(loss, pending.length, random);
  yield* pending.slice(0, kept);
  const cut = pending[kept];
  if (loss === "prefix" && cut !== undefined) yield* torn(cut, random);
}

/** Leaves some sectors of a write, with sectors of 512 or of 4,096 bytes. */
function* torn(change: Change, random: Random): Iterable<Change> {
  if (change.size !== undefined) return;
  const { offset, data } = change;
  const sector = random.pick([512, 4_096] as const);
  for (let at = 0; at < data.length; ) {
    const next = Math.min(data.length, at + sector - ((offset + at) % sector));
    if (random.fraction() < 0.5) yield { offset: offset + at, data: data.subarray(at, next) };
    at = next;
  }
}
