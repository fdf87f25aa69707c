import { closeSync, openSync, readSync } from "node:fs";

/** Bytes of the index of a write-ahead log that are read: two copies of its header, and what checkpoints have done. */
const readBytes = 100;
/** Place of the number of frames in the header, and of that of the frames that are in the file. */
const framesAt = 16;
const copiedAt = 96;

/**
 * Numbers of the write-ahead log, read from the index that SQLite keeps beside it; see the section on the WAL-index in the
 * description of SQLite's file format. The index is of this machine and has its byte order.
 */
export class WalIndex {
  readonly #descriptor: number;
  readonly #read = new DataView(new ArrayBuffer(readBytes));
  readonly #isLittle = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

  /** Opens the index of an open file. Close it only after the database: closing a descriptor ends the locks of its file. */
  constructor(path: string) {
    this.#descriptor = openSync(path, "r");
  }

  /**
   * Returns the number of pages in the log, and how many of these checkpoints have copied into the file; undefined when the disk
   * does not give the index.
   */
  look(): { readonly pages: number; readonly copied: number } | undefined {
    try {
      if (readSync(this.#descriptor, this.#read, 0, readBytes, 0) < readBytes) return undefined;
    } catch {
      return undefined;
    }
    const number = (at: number) => this.#read.getUint32(at, this.#isLittle);
    return { pages: number(framesAt), copied: number(copiedAt) };
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
