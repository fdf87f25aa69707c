import { MilepostError } from "@milepost/protocol";
import type { OnTrimmed } from "../ports/engine.ts";
import type { MemoryLog } from "./memory-log.ts";

/** Default of the bytes that all logs of a process may take in memory: 64 MiB. */
export const defaultMemoryBytes = 64 * 1_048_576;

/** Part of the budget that an ordinary entry takes at most. */
const ordinaryPart = 64;

/** Number of halvings after which logs no longer differ in weight enough to matter. */
const maxRounds = 24;

/**
 * Budget of the memory that all logs of one process take, in bytes.
 *
 * When an append does not fit, the heaviest logs lose their oldest entries first, and among logs of similar weight
 * those that were not used for the longest time. An eighth of the budget is freed at once, so the cost per append
 * stays constant. States, remembered keys and the ends of logs are never dropped. Large states are kept as JSON before entries
 * are dropped: a megabyte of `[[],[],…]` takes 15 MB as a value.
 */
export class MemoryBudget {
  readonly maxBytes: number;
  readonly #logs: ReadonlyMap<string, MemoryLog>;
  readonly #onTrimmed: OnTrimmed;
  readonly #onFull: (isFull: boolean) => void;
  #bytes = 0;
  /** Room that the latest refused entry lacked, at most that of an ordinary entry; undefined since an entry fitted. */
  #lacking: number | undefined;

  constructor(
    logs: ReadonlyMap<string, MemoryLog>,
    maxBytes = defaultMemoryBytes,
    onTrimmed: OnTrimmed = () => {},
    onFull: (isFull: boolean) => void = () => {},
  ) {
    this.#onFull = onFull;
    this.maxBytes = maxBytes;
    this.#logs = logs;
    this.#onTrimmed = onTrimmed;
  }

  /** Approximate number of bytes that all logs take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True while entries are refused for lack of room. One that is large for the budget does not make it full. */
  get isFull(): boolean {
    return this.#lacking !== undefined && this.#bytes + this.#lacking > this.maxBytes;
  }

  /** Records that the logs take so many bytes more, or fewer where it is negative, and makes room where it can. */
  changed(bytes: number): void {
    this.#bytes += bytes;
    // A state can take more than the data that it was made of, for which room was reserved.
    if (bytes > 0 && this.#bytes > this.maxBytes) this.#makeRoom(0);
  }

  /** Makes room for so many bytes. Throws `store_full` where dropping entries cannot make enough. */
  reserve(bytes: number): void {
    if (this.#bytes + bytes > this.maxBytes) this.#makeRoom(bytes);
    const fits = this.#bytes + bytes <= this.maxBytes;
    const wasFull = this.#lacking !== undefined;
    if (fits && !wasFull) return;
    this.#lacking = fits ? undefined : Math.min(bytes, this.maxBytes / ordinaryPart);
    if (!this.isFull) this.#lacking = undefined;
    if (this.isFull !== wasFull) this.#onFull(!wasFull);
    if (!fits) throw full(this.maxBytes);
  }

  #makeRoom(bytes: number): void {
    // Logs also shrink by age, which nobody reports.
    this.#bytes = 0;
    for (const log of this.#logs.values()) this.#bytes += log.weight;
    const target = this.maxBytes - this.maxBytes / 8 - bytes;
    if (this.#bytes <= target) return;
    this.#pack();
    this.#trim(target);
  }

  /** Packs the states that take more than a fair part of the budget each. */
  #pack(): void {
    const fair = this.maxBytes / 64;
    for (const log of this.#logs.values()) {
      if (log.packableWeight <= fair) continue;
      const before = log.weight;
      log.packState();
      this.#bytes -= before - log.weight;
    }
  }

  #trim(target: number): void {
    let dropped = 0;
    const logs = [...this.#logs.values()].sort((a, b) => a.usedAt - b.usedAt);
    let heaviest = 0;
    for (const log of logs) heaviest = Math.max(heaviest, log.trimmableWeight);
    for (let round = 0; round < maxRounds && heaviest > 0 && this.#bytes > target; round++) {
      heaviest /= 2;
      for (const log of logs) {
        if (this.#bytes <= target) break;
        const trimmable = log.trimmableWeight;
        if (trimmable <= heaviest) continue;
        const before = log.weight;
        dropped += log.trimTo(before - trimmable / 2);
        this.#bytes -= before - log.weight;
      }
    }
    if (dropped > 0) this.#onTrimmed("budget", dropped);
  }
}

function full(maxBytes: number): MilepostError {
  return new MilepostError(
    "store_full",
    `the node keeps ${Math.floor(maxBytes / 1_048_576)} MiB and has no room for this; retry later, raise memoryBytes, or use Redis`,
  );
}
