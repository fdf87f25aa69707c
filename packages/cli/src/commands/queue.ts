import type { QueueFigures, QueueList, QueueView, WaitRange } from "@milepost/model";
import { printable } from "@milepost/server";
import { Command } from "commander";
import { Api } from "../api.ts";
import { jsonLine } from "../carried-output.ts";
import { integerFrom, json } from "../option-values.ts";
import { table } from "../table.ts";
import type { Terminal } from "../terminal.ts";

interface SharedFlags {
  readonly url?: string;
  readonly json?: true;
}

interface SetFlags extends SharedFlags {
  readonly capacity?: unknown;
  readonly lanes?: unknown;
}

const columns = [
  "LANE",
  "WAITING",
  "SERVED",
  "PER HOUR",
  "WAIT P50",
  "P90",
  "SERVICE P50",
  "P90",
  "ABANDONED",
];

/** Creates the command `milepost queue`, which lists queues, shows one with its figures, and changes one. */
export function queueCommand(terminal: Terminal): Command {
  const api = ({ url }: SharedFlags) => new Api(terminal, url);
  const shared = (command: Command) =>
    command
      .option("--url <url>", "URL of the gateway (MILEPOST_URL)")
      .option("--json", "print JSON");

  const list = shared(new Command("list"))
    .description("Lists the queues.")
    .action(async (flags: SharedFlags) => {
      const { queues } = await api(flags).get<QueueList>("/v1/queues");
      if (flags.json) {
        terminal.out(jsonLine(queues));
        return;
      }
      const rows = queues.map(({ queue, waiting, running, capacity_now: capacity }) => [
        queue,
        `${waiting}`,
        `${running}`,
        `${capacity}`,
      ]);
      for (const line of table(["QUEUE", "WAITING", "RUNNING", "CAPACITY"], rows))
        terminal.out(line);
    });

  const show = shared(new Command("show"))
    .description("Shows a queue: its lanes, waits, service times and how true its estimates were.")
    .argument("<queue>", "name of the queue")
    .option("--hours <n>", "figures of the last n hours", integerFrom(1, 48))
    .action(async (queue: string, flags: SharedFlags & { readonly hours?: number }) => {
      const { hours = 24 } = flags;
      const view = await api(flags).get<QueueView>(pathOf(queue), { hours });
      if (flags.json) terminal.out(jsonLine(view));
      else for (const line of linesOf(view, hours)) terminal.out(line);
    });

  const set = shared(new Command("set"))
    .description("Creates a queue, or changes its capacity and the weights of its lanes.")
    .argument("<queue>", "name of the queue")
    .option("--capacity <n>", "a number, workers, or a schedule as JSON", capacity)
    .option("--lanes <json>", 'weights by lane, such as {"paid": 3, "free": 1}', json)
    .action(async (queue: string, flags: SetFlags) => {
      const view = await api(flags).put<QueueView>(pathOf(queue), {
        ...(flags.capacity !== undefined && { capacity: flags.capacity }),
        ...(flags.lanes !== undefined && { lanes: flags.lanes }),
      });
      if (flags.json) terminal.out(jsonLine(view));
      else for (const line of linesOf(view, 1)) terminal.out(line);
    });

  return new Command("queue")
    .description("Queues of people who wait: list, show, set.")
    .addCommand(list, { isDefault: true })
    .addCommand(show)
    .addCommand(set);
}

function capacity(text: string): unknown {
  return text === "workers" ? text : json(text);
}

function pathOf(queue: string): string {
  return `/v1/queues/${encodeURIComponent(queue)}`;
}

function linesOf(view: QueueView, hours: number): readonly string[] {
  const { queue, waiting, running, capacity_now: now, workers, slots, lanes, total } = view;
  const waits = new Map(lanes.map(({ name, waiting: n }) => [name, n]));
  const names = [...new Set([...waits.keys(), ...Object.keys(view.by_lane)])];
  const rows = names.map((name) => rowOf(name, waits.get(name) ?? 0, view.by_lane[name]));
  const { count, below_p50, below_p90, inside } = total.estimates;
  return [
    printable(
      `${queue}: ${waiting} waiting, ${running} running of ${now}; ${workers} workers with ${slots} slots; last ${hours} h`,
    ),
    ...table(columns, [...rows, rowOf("all", waiting, total)]),
    count === 0
      ? "estimates: none to compare yet"
      : `estimates: ${count}; below p50 ${share(below_p50)}, below p90 ${share(below_p90)}, inside ${share(inside)}`,
  ];
}

function rowOf(name: string, waiting: number, figures: QueueFigures | undefined): string[] {
  return [
    printable(name),
    `${waiting}`,
    `${figures?.served ?? 0}`,
    `${figures?.throughput_per_hour ?? 0}`,
    ...spansOf(figures?.wait),
    ...spansOf(figures?.service),
    share(figures?.abandonment ?? null),
  ];
}

function spansOf(
  spans: { readonly [Name in keyof WaitRange]: number | null } | undefined,
): string[] {
  return [span(spans?.p50_ms ?? null), span(spans?.p90_ms ?? null)];
}

/** Returns a duration for people, such as 95 s or 12 min. */
function span(ms: number | null): string {
  if (ms === null) return "-";
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 120_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 60_000)} min`;
}

function share(value: number | null): string {
  return value === null ? "-" : `${Math.round(value * 100)}%`;
}
