import type { DurationView, EstimateReport, EstimateView } from "@milepost/model";
import { printable } from "@milepost/server";
import { Command } from "commander";
import { Api } from "../api.ts";
import { jsonLine } from "../carried-output.ts";
import { integerFrom } from "../option-values.ts";
import { table } from "../table.ts";
import type { Terminal } from "../terminal.ts";

interface Flags {
  readonly kind?: string;
  readonly limit?: number;
  readonly url?: string;
  readonly json?: true;
}

const columns = ["RUNS", "P50", "P90", "ESTIMATES", "BELOW P50", "BELOW P90", "INSIDE"];

/** Creates the command `milepost estimates`, which shows what is learned about times and how true the estimates were. */
export function estimatesCommand(terminal: Terminal): Command {
  return new Command("estimates")
    .description("Shows learned times by kind and queue, and how true the estimates were.")
    .option("--kind <kind>", "only this kind of operation")
    .option("--limit <n>", "at most n kinds", integerFrom(1, 100))
    .option("--url <url>", "URL of the gateway (MILEPOST_URL)")
    .option("--json", "print JSON")
    .action(async ({ kind, limit, url, json }: Flags) => {
      const report = await new Api(terminal, url).get<EstimateReport>("/v1/estimates", {
        kind,
        limit,
      });
      if (json) terminal.out(jsonLine(report));
      else for (const line of linesOf(report)) terminal.out(line);
    });
}

function linesOf({ kinds, queues }: EstimateReport): readonly string[] {
  const rows = kinds.map((one) => [printable(one.kind), ...cells(one.duration, one.estimates)]);
  const ofQueues = queues.map((one) => [printable(one.queue), ...cells(one.wait, one.estimates)]);
  return [
    ...table(["KIND", ...columns], rows),
    ...(ofQueues.length > 0 ? ["", ...table(["QUEUE", ...columns], ofQueues)] : []),
  ];
}

function cells(time: DurationView, { count, ...shares }: EstimateView): readonly string[] {
  const { below_p50, below_p90, inside } = shares;
  return [
    `${time.count}`,
    seconds(time.p50_ms),
    seconds(time.p90_ms),
    `${count}`,
    ...[below_p50, below_p90, inside].map(percent),
  ];
}

function seconds(ms: number | null): string {
  return ms === null ? "–" : `${(ms / 1_000).toFixed(1)} s`;
}

function percent(share: number | null): string {
  return share === null ? "–" : `${Math.round(share * 100)} %`;
}
