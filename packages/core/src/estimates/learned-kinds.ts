import type { Clock, DurationBounds, Durations } from "@milepost/engine";
import { nothingTold, type Tally } from "./calibration.ts";
import { type LearnedKind, learn, unknownKind } from "./learned-kind.ts";
import { decodeRun, encodeRun, type LearnedRun } from "./learned-run.ts";
import { marks } from "./marks.ts";
import { maxSamples } from "./samples.ts";

const dayMs = 86_400_000;
/** Number of ranges told at one mark at which all tallies of the kind are halved. */
const maxTold = 2_048;
/** Time for which a node uses what it has read of a kind, in milliseconds. It adds its own runs at once. */
const freshMs = 5_000;
/** Maximum number of kinds that a node holds in its memory, each with about 20 KB. */
const maxHeld = 200;

/** Parts of the node that {@link LearnedKinds} uses. */
export interface LearnedKindsContext {
  readonly durations: Durations;
  readonly clock: Pick<Clock, "monotonic">;
  /** Maximum number of kinds in the store. */
  readonly maxKinds: number;
}

interface Held {
  kind: LearnedKind;
  readonly readAt: number;
}

/** Learned durations of all kinds, read from the store and held for a few seconds. */
export class LearnedKinds {
  readonly #context: LearnedKindsContext;
  readonly #held = new Map<string, Held>();
  readonly #reading = new Map<string, Promise<LearnedKind>>();

  constructor(context: LearnedKindsContext) {
    this.#context = context;
  }

  /** Returns what is known of a kind. Rejects if the store cannot be read. */
  async get(name: string): Promise<LearnedKind> {
    const held = this.#held.get(name);
    if (held !== undefined && this.#context.clock.monotonic() < held.readAt + freshMs) {
      return held.kind;
    }
    const running = this.#reading.get(name);
    if (running !== undefined) return running;
    const reading = this.#read(name).finally(() => this.#reading.delete(name));
    this.#reading.set(name, reading);
    return reading;
  }

  /** Adds a finished run, with what was told at its marks and came out. */
  async add(name: string, run: LearnedRun, outcomes: ReadonlyMap<number, Tally>): Promise<void> {
    const { durations, maxKinds } = this.#context;
    const counts: Record<string, number> = {};
    for (const [mark, { told, below50, below90 }] of outcomes) {
      counts[`t${mark}`] = told;
      counts[`a${mark}`] = below50;
      counts[`b${mark}`] = below90;
    }
    const bounds: DurationBounds = {
      maxRecords: maxSamples,
      maxCount: maxTold,
      maxKinds,
      keepMs: 90 * dayMs,
    };
    await durations.add(name, { record: encodeRun(run), counts }, bounds);
    const held = this.#held.get(name);
    if (held === undefined) return;
    const tallies = marks.map((_, mark) => plus(held.kind.tallies[mark], outcomes.get(mark)));
    held.kind = learn(held.kind, run, tallies);
  }

  async #read(name: string): Promise<LearnedKind> {
    const { durations, clock } = this.#context;
    const readAt = clock.monotonic();
    const found = await durations.get(name);
    const kind =
      found === undefined
        ? unknownKind
        : {
            runs: found.records.flatMap((record) => decodeRun(record) ?? []),
            tallies: talliesOf(found.counts),
          };
    this.#held.delete(name);
    this.#held.set(name, { kind, readAt });
    const [oldest] = this.#held.keys();
    if (this.#held.size > maxHeld && oldest !== undefined) this.#held.delete(oldest);
    return kind;
  }
}

/** Reads the counts of a kind as the tallies of its marks. */
export function talliesOf(counts: Readonly<Record<string, number>>): readonly Tally[] {
  return marks.map((_, mark) => ({
    told: counts[`t${mark}`] ?? 0,
    below50: counts[`a${mark}`] ?? 0,
    below90: counts[`b${mark}`] ?? 0,
  }));
}

function plus(a: Tally = nothingTold, b: Tally = nothingTold): Tally {
  return {
    told: a.told + b.told,
    below50: a.below50 + b.below50,
    below90: a.below90 + b.below90,
  };
}
