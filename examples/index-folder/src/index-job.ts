import { join } from "node:path";
import type { Operation } from "@milepost/producer";
import { MilepostError } from "@milepost/protocol";
import type { IndexStore } from "./index-store.ts";
import { InvertedIndex, type TokenisedText, tokeniseText } from "./inverted-index.ts";
import { bytes, count, counted } from "./numbers.ts";
import { type Pace, type Tempo, tempoOf } from "./pace.ts";
import { readText } from "./read-text.ts";
import { scanFolder } from "./scan-folder.ts";

/** Input of a job: the folder to index and the pace. */
export interface IndexInput {
  /** Absolute path of the folder, with all links resolved. */
  readonly folder: string;
  readonly pace: Pace;
}

/** Result of a job. */
export interface IndexResult {
  readonly files: number;
  readonly skipped: number;
  readonly tokens: number;
  readonly terms: number;
  readonly postings: number;
  readonly bytes: number;
  readonly index_bytes: number;
  readonly took_ms: number;
  /** Id of the index in the store; the same as the operation's id. */
  readonly index: string;
}

const maxFiles = 20_000;
const maxBytes = 128 * 1024 * 1024;

interface SourceText {
  readonly path: string;
  readonly text: string;
}

/**
 * Indexes a folder: finds its text files, reads them, finds their words and writes an inverted index.
 *
 * A job skips what it cannot read and warns about it. Between any two files it can be paused and cancelled, and
 * it lets the rest of the process run. A cancelled or failed job leaves nothing on disk. Rejects with
 * `too_large` when there are more than 20,000 files or 128 MiB of text.
 */
export async function indexFolder(
  op: Operation,
  { folder, pace }: IndexInput,
  store: IndexStore,
): Promise<IndexResult> {
  const job = new IndexJob(op, folder, tempoOf(pace));
  const began = performance.now();
  const paths = await job.scan();
  const texts = await job.read(paths);
  const tokenised = await job.tokenise(texts);
  const index = await job.build(tokenised);
  const indexBytes = await job.write(index, store);
  op.success(
    `Indexed ${counted(index.documents.length, "file")}: ${count(index.termCount)} different words`,
  );
  return {
    files: index.documents.length,
    skipped: job.skipped,
    tokens: index.tokenCount,
    terms: index.termCount,
    postings: index.postingCount,
    bytes: job.bytes,
    index_bytes: indexBytes,
    took_ms: Math.round(performance.now() - began),
    index: op.id,
  };
}

class IndexJob {
  readonly #op: Operation;
  readonly #folder: string;
  readonly #tempo: Tempo;
  /** Tempo without a pace; it only yields to the rest of the process. */
  readonly #unpaced = tempoOf("full");
  skipped = 0;
  bytes = 0;

  constructor(op: Operation, folder: string, tempo: Tempo) {
    this.#op = op;
    this.#folder = folder;
    this.#tempo = tempo;
  }

  scan(): Promise<string[]> {
    return this.#op.step("scan", async (step) => {
      const paths: string[] = [];
      let folders = 0;
      for await (const found of scanFolder(this.#folder)) {
        await this.#checkpoint(this.#unpaced);
        if (found.kind === "skipped") this.#skip(found.path, found.why);
        else if (found.kind === "file") paths.push(found.path);
        else {
          folders++;
          step.progress({ done: folders, unit: "folders", message: found.path });
        }
        if (paths.length > maxFiles) {
          throw new MilepostError(
            "too_large",
            `the folder holds more than ${count(maxFiles)} files; choose a smaller one`,
          );
        }
      }
      step.info(`Found ${counted(paths.length, "file")} in ${counted(folders, "folder")}`);
      return paths;
    });
  }

  read(paths: readonly string[]): Promise<SourceText[]> {
    return this.#op.step("read", async (step) => {
      const texts: SourceText[] = [];
      for (const [index, path] of paths.entries()) {
        await this.#checkpoint(this.#tempo);
        const read = await readText(join(this.#folder, path));
        if (read.ok) {
          texts.push({ path, text: read.text });
          this.bytes += read.bytes;
        } else this.#skip(path, read.why);
        if (this.bytes > maxBytes) {
          throw new MilepostError(
            "too_large",
            `the folder holds more than ${bytes(maxBytes)} of text; choose a smaller one`,
          );
        }
        step.progress({ done: index + 1, total: paths.length, unit: "files", message: path });
      }
      step.info(`Read ${counted(texts.length, "file")}, ${bytes(this.bytes)}`);
      return texts;
    });
  }

  tokenise(texts: readonly SourceText[]): Promise<{ path: string; text: TokenisedText }[]> {
    return this.#op.step("tokenise", async (step) => {
      const tokenised: { path: string; text: TokenisedText }[] = [];
      for (const [index, { path, text }] of texts.entries()) {
        await this.#checkpoint(index % 2 === 0 ? this.#tempo : this.#unpaced);
        tokenised.push({ path, text: tokeniseText(text) });
        step.progress({ done: index + 1, total: texts.length, unit: "files", message: path });
      }
      return tokenised;
    });
  }

  build(tokenised: readonly { path: string; text: TokenisedText }[]): Promise<InvertedIndex> {
    return this.#op.step("index", async (step) => {
      const index = new InvertedIndex();
      for (const [at, { path, text }] of tokenised.entries()) {
        await this.#checkpoint(this.#unpaced);
        index.add(path, text);
        step.progress({ done: at + 1, total: tokenised.length, unit: "files" });
      }
      step.info(`${count(index.termCount)} different words in ${count(index.postingCount)} places`);
      return index;
    });
  }

  write(index: InvertedIndex, store: IndexStore): Promise<number> {
    return this.#op.step("write", (step) =>
      store.write(this.#op.id, this.#folder, index, async (terms) => {
        await this.#checkpoint(this.#unpaced);
        step.progress({ done: terms, total: index.termCount, unit: "words" });
      }),
    );
  }

  #skip(path: string, why: string): void {
    this.skipped++;
    this.#op.warn(`Skipped ${path}: ${why}`);
  }

  async #checkpoint(tempo: Tempo): Promise<void> {
    await this.#op.pausePoint();
    await tempo.next(this.#op.signal);
  }
}
