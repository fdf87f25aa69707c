import type { Durations, KindDurations } from "@milepost/engine";
import type {
  DurationView,
  EstimateFilter,
  EstimateReport,
  EstimateView,
  KindEstimates,
} from "@milepost/model";
import { integerIn, textOf } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Queues } from "../queues/queues-api.ts";
import type { Principal } from "../rules/principal.ts";
import { requireService } from "../rules/service-scopes.ts";
import { nothingTold, type Tally } from "./calibration.ts";
import { talliesOf } from "./learned-kinds.ts";
import { decodeRun } from "./learned-run.ts";
import { marks } from "./marks.ts";

const defaultLimit = 50;
const maxLimit = 100;
const hours = 24;

/** Estimates, as their operators see them. */
export interface Estimates {
  /** Returns what is learned about kinds and queues, and how true their estimates were. For services with the scope `operations`. */
  report(principal: Principal, filter?: EstimateFilter): Promise<EstimateReport>;
}

/** Reads what the deployment has learned, and compares what was estimated with what came true. */
export class EstimateReports implements Estimates {
  readonly #durations: Durations;
  readonly #queues: Pick<Queues, "list" | "view">;

  constructor(durations: Durations, queues: Pick<Queues, "list" | "view">) {
    this.#durations = durations;
    this.#queues = queues;
  }

  async report(principal: Principal, filter: EstimateFilter = {}): Promise<EstimateReport> {
    requireService(principal, "operations");
    const { kind, limit = defaultLimit } = orThrow(
      readInput(filter, (fields) => ({
        kind: fields.optional("kind", textOf(255)),
        limit: fields.optional("limit", integerIn(1, maxLimit)),
      })),
    );
    const names =
      kind === undefined ? (await this.#durations.list(limit)).map((one) => one.kind) : [kind];
    const found = await Promise.all(names.map((name) => this.#durations.get(name)));
    return {
      kinds: found.flatMap((one) => (one === undefined ? [] : [kindOf(one)])),
      queues: kind === undefined ? await this.#ofQueues(principal) : [],
    };
  }

  async #ofQueues(principal: Principal): Promise<EstimateReport["queues"]> {
    const { queues } = await this.#queues.list(principal);
    const views = await Promise.all(
      queues.slice(0, maxLimit).map(({ queue }) => this.#queues.view(principal, queue, hours)),
    );
    return views.map(({ queue, total: { wait, estimates } }) => ({ queue, wait, estimates }));
  }
}

function kindOf({ kind, records, counts }: KindDurations): KindEstimates {
  const times = records.flatMap((record) => decodeRun(record)?.totalMs ?? []);
  const tallies = talliesOf(counts);
  const told = tallies.flatMap((tally, mark) => (tally.told > 0 ? [{ tally, mark }] : []));
  const all = tallies.reduce(
    (sum, { told, below50, below90 }): Tally => ({
      told: sum.told + told,
      below50: sum.below50 + below50,
      below90: sum.below90 + below90,
    }),
    nothingTold,
  );
  return {
    kind,
    duration: durationOf(times),
    estimates: viewOf(all),
    by_mark: Object.fromEntries(told.map(({ tally, mark }) => [`${marks[mark]}`, viewOf(tally)])),
  };
}

function durationOf(times: readonly number[]): DurationView {
  const sorted = times.toSorted((a, b) => a - b);
  // The smallest time that at least this share of the runs did not exceed.
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? null;
  return { count: sorted.length, p50_ms: at(0.5), p90_ms: at(0.9), p99_ms: at(0.99) };
}

function viewOf({ told, below50, below90 }: Tally): EstimateView {
  const share = (part: number) => (told === 0 ? null : Math.round((part / told) * 1_000) / 1_000);
  return {
    count: told,
    below_p50: share(below50),
    below_p90: share(below90),
    inside: share(below90 - below50),
  };
}
