import { createHash } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { StudioFile } from "./studio-files.ts";

/** Part of a visitor that outlives the process. */
export interface Visitor {
  /** Files that wait for the preview server. */
  readonly files?: readonly StudioFile[];
  /** Ticket of the visitor who waits; undefined until the gateway has answered. */
  readonly ticket?: string;
  /** Ticket with which the visitor had the preview last. */
  readonly served?: string;
  readonly isPaying?: boolean;
}

/**
 * The visitors whose files or payments the studio remembers, each in a file of its own, or in memory where there is no folder.
 * The oldest are forgotten where there are more than `max`. What was set is there again after a kill -9.
 */
export class KeptVisitors {
  readonly #folder: string | undefined;
  readonly #max: number;
  readonly #visitors = new Map<string, Visitor>();

  /** Reads the visitors of the last start. Throws as `fs` does when the folder cannot be used. */
  constructor(folder: string | undefined, max: number) {
    this.#folder = folder;
    this.#max = max;
    if (folder === undefined) return;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const files = readdirSync(folder)
      .filter((name) => name.endsWith(".json"))
      .map((name) => join(folder, name))
      .map((file) => ({ file, at: statSync(file).mtimeMs }))
      .sort((a, b) => a.at - b.at);
    for (const { file } of files) {
      const [userId, visitor] = JSON.parse(readFileSync(file, "utf8"));
      this.#visitors.set(userId, visitor);
    }
  }

  get(userId: string): Visitor {
    return this.#visitors.get(userId) ?? {};
  }

  /** Changes the fields that are given; those that are undefined are removed. */
  set(userId: string, change: { readonly [Field in keyof Visitor]: Visitor[Field] | undefined }) {
    const given = Object.entries({ ...this.get(userId), ...change });
    const visitor: Visitor = Object.fromEntries(given.filter(([, value]) => value !== undefined));
    this.#visitors.delete(userId);
    this.#visitors.set(userId, visitor);
    const file = this.#fileOf(userId);
    if (file !== undefined) {
      // A process that is killed in the middle leaves the old file or the new one.
      writeFileSync(`${file}.new`, JSON.stringify([userId, visitor]), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    }
    const [oldest] = this.#visitors.keys();
    if (this.#visitors.size > this.#max && oldest !== undefined) this.#forget(oldest);
  }

  /** Returns the visitors whose files were taken although their joining the queue was not confirmed. */
  unconfirmed(): string[] {
    return [...this.#visitors].flatMap(([userId, { files, ticket }]) =>
      files !== undefined && ticket === undefined ? [userId] : [],
    );
  }

  #forget(userId: string): void {
    this.#visitors.delete(userId);
    const file = this.#fileOf(userId);
    if (file !== undefined) rmSync(file, { force: true });
  }

  #fileOf(userId: string): string | undefined {
    if (this.#folder === undefined) return undefined;
    const name = createHash("sha256").update(userId).digest("hex").slice(0, 32);
    return join(this.#folder, `${name}.json`);
  }
}
