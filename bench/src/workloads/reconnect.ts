import type { BackoffOptions } from "@milepost/client";
import { Histogram } from "../measure/histogram.ts";
import type { Options } from "../options.ts";
import { startFleet } from "../targets/fleet.ts";
import { type Reconnect, runReconnects } from "./reconnect-round.ts";
import { type OnProgress, rotated, type WorkloadReport } from "./workload.ts";

const cuts = 50;

/** Backoff settings of the client that are compared. */
const waits = [
  { wait: "default, up to 1,000 ms", backoff: undefined },
  { wait: "backoff.minMs 100", backoff: { minMs: 100 } },
] as const satisfies readonly { wait: string; backoff: BackoffOptions | undefined }[];

/**
 * Runs the workload `reconnect`: one SDK client is connected to one of two idle nodes, its connection is cut,
 * and the client reconnects to the other node.
 */
export async function runReconnect(
  { rounds: count }: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  const results = new Map<string, Reconnect[]>(waits.map(({ wait }) => [wait, []]));
  for (let round = 0; round < count; round++) {
    await using fleet = await startFleet(2);
    for (const { wait, backoff } of rotated(waits, round)) {
      onProgress(`reconnect: round ${round + 1} of ${count}, ${wait}`);
      results.get(wait)?.push(...(await runReconnects(fleet, backoff, cuts)));
    }
  }
  const rows = waits.map(({ wait }) => ({ wait, ...rowOf(results.get(wait) ?? []) }));
  return {
    workload: "reconnect",
    what: `1 SDK client, 2 nodes over 1 Redis; its connection is cut, and it reconnects to the other node after missing 3 publications; ${count} rounds of ${cuts} cuts`,
    table: [
      ["wait", "p50 ms", "p99", "max", "without the wait: p50 ms", "p99", "max", "wrong"],
      ...rows.map(({ wait, whole, attempt, wrong }) => [
        wait,
        ...[whole, attempt].flatMap(({ p50, p99, max }) =>
          [p50, p99, max].map((v) => v.toFixed(0)),
        ),
        String(wrong),
      ]),
    ],
    notes: [
      "time runs from the cut until the client was connected and had received all it missed; the client waits a random part of the backoff, so that many clients do not reconnect at once",
    ],
    rows,
  };
}

/** Percentiles and maximum, in milliseconds. */
interface Times {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Returns the report's row for all cuts with one backoff setting. */
export function rowOf(reconnects: readonly Reconnect[]): {
  readonly whole: Times;
  readonly attempt: Times;
  readonly wrong: number;
} {
  return {
    whole: timesOf(reconnects.map(({ ms }) => ms)),
    attempt: timesOf(reconnects.map(({ attemptMs }) => attemptMs)),
    wrong: reconnects.reduce((total, { wrong }) => total + wrong, 0),
  };
}

function timesOf(all: readonly number[]): Times {
  const histogram = new Histogram();
  for (const ms of all) histogram.record(ms * 1_000);
  return {
    p50: histogram.percentile(50) / 1_000,
    p99: histogram.percentile(99) / 1_000,
    max: histogram.max / 1_000,
  };
}
