import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Paths of Debian's libfaketime, by architecture. */
const libraries = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
] as const;

/** Time within which a process notices a step, in milliseconds: it looks into the file once a second. */
export const stepNoticedMs = 1_500;

/** Wall clock of one process that steps, by libfaketime. Its monotonic clock stays true, as on a real machine. */
export class SteppedClock {
  readonly #file: string;
  readonly #library: string;

  constructor(folder: string, name: string) {
    const library = SteppedClock.library();
    if (library === undefined) throw new Error("libfaketime is missing; install Debian's faketime");
    this.#library = library;
    this.#file = join(folder, `clock-${name}`);
    this.set(0);
  }

  /** Path of libfaketime; undefined if it is not installed. */
  static library(): string | undefined {
    return libraries.find((path) => existsSync(path));
  }

  /** Environment of the process whose clock this is. */
  get env(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: this.#library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_CACHE_DURATION: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      DONT_FAKE_MONOTONIC: "1",
    };
  }

  /** Sets how far the clock is ahead of the true time, in seconds. */
  set(aheadSeconds: number): void {
    writeFileSync(this.#file, `${aheadSeconds < 0 ? "" : "+"}${aheadSeconds}\n`);
  }
}
