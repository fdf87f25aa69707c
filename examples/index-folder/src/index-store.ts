import { mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Document, InvertedIndex, Posting } from "./inverted-index.ts";

/** Contents of `documents.json`, which describes an index. */
interface Manifest {
  /** Absolute path of the folder that was indexed. */
  readonly folder: string;
  readonly documents: readonly Document[];
}

/** Byte offset and length of a term's line in `postings.jsonl`. */
type Span = readonly [offset: number, length: number];

/** Index on disk, open for searches. */
export interface StoredIndex {
  readonly folder: string;
  readonly documents: readonly Document[];
  /** Returns the postings of a term; empty when the term is not in the index. */
  postings(term: string): Promise<readonly Posting[]>;
}

/**
 * Called after every 1,000 terms and after the last one, with the number of terms so far; an error that it
 * throws stops the write.
 */
export type OnWritten = (terms: number) => Promise<void>;

/**
 * Indexes on disk, in one folder each: `postings.jsonl` with the postings of one term per line, `terms.json`
 * with the place of each term's line, and `documents.json`.
 *
 * An index exists either completely or not at all: it is written under another name and renamed when complete.
 */
export class IndexStore {
  readonly #root: string;
  readonly #opened = new Map<string, Promise<StoredIndex | undefined>>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Writes an index and replaces an earlier one with this id; resolves with its size in bytes. */
  async write(
    id: string,
    folder: string,
    index: InvertedIndex,
    onWritten: OnWritten,
  ): Promise<number> {
    const partial = this.#path(`${id}.partial`);
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
    try {
      const spans = await writePostings(join(partial, "postings.jsonl"), index, onWritten);
      await writeFile(join(partial, "terms.json"), JSON.stringify([...spans]));
      const manifest: Manifest = { folder, documents: index.documents };
      await writeFile(join(partial, "documents.json"), JSON.stringify(manifest));
      const size = await sizeOf(partial);
      await this.remove(id);
      await rename(partial, this.#path(id));
      return size;
    } catch (thrown) {
      await rm(partial, { recursive: true, force: true });
      throw thrown;
    }
  }

  /** Opens the index with this id; resolves with undefined when there is none. */
  open(id: string): Promise<StoredIndex | undefined> {
    const known = this.#opened.get(id);
    if (known) return known;
    const opened = openIndex(this.#path(id));
    this.#opened.set(id, opened);
    // A missing index is not kept in the map, because it may be written later.
    opened.then((index) => index ?? this.#opened.delete(id)).catch(() => this.#opened.delete(id));
    return opened;
  }

  /** Removes the index with this id; does nothing when there is none. */
  async remove(id: string): Promise<void> {
    this.#opened.delete(id);
    await rm(this.#path(id), { recursive: true, force: true });
  }

  #path(id: string): string {
    // Ids are segments of channel names. Of their characters, only dots could lead out of the folder.
    if (!/^[A-Za-z0-9_~-][A-Za-z0-9_.~-]*$/.test(id))
      throw new TypeError(
        "an index id may have letters, digits, _, ~, - and dots, and must not begin with a dot",
      );
    return join(this.#root, id);
  }
}

const termsPerSlice = 1_000;

async function writePostings(path: string, index: InvertedIndex, onWritten: OnWritten) {
  const spans = new Map<string, Span>();
  const file = await open(path, "wx");
  try {
    let offset = 0;
    let lines: string[] = [];
    const flush = async () => {
      await file.appendFile(lines.join(""));
      lines = [];
      await onWritten(spans.size);
    };
    for (const [term, postings] of index.entries()) {
      const rows = postings.map(({ document, count, lines: at }) => [document, count, at]);
      const line = `${JSON.stringify(rows)}\n`;
      const length = Buffer.byteLength(line);
      spans.set(term, [offset, length]);
      offset += length;
      lines.push(line);
      if (lines.length === termsPerSlice) await flush();
    }
    await flush();
    return spans;
  } finally {
    await file.close();
  }
}

async function sizeOf(folder: string): Promise<number> {
  const files = ["postings.jsonl", "terms.json", "documents.json"];
  const sizes = await Promise.all(files.map((name) => stat(join(folder, name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

async function openIndex(path: string): Promise<StoredIndex | undefined> {
  let manifest: Manifest;
  let spans: Map<string, Span>;
  try {
    manifest = JSON.parse(await readFile(join(path, "documents.json"), "utf8")) as Manifest;
    const terms = await readFile(join(path, "terms.json"), "utf8");
    spans = new Map(JSON.parse(terms) as [string, Span][]);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw thrown;
  }
  return {
    folder: manifest.folder,
    documents: manifest.documents,
    async postings(term) {
      const span = spans.get(term);
      if (!span) return [];
      const [offset, length] = span;
      const file = await open(join(path, "postings.jsonl"));
      try {
        const { buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
        const line = JSON.parse(buffer.toString("utf8")) as [number, number, number[]][];
        return line.map(([document, count, lines]) => ({ document, count, lines }));
      } finally {
        await file.close();
      }
    },
  };
}
