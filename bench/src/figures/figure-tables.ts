import { planCapacity, unitCosts } from "./capacity-plan.ts";
import type { FigureFiles } from "./figure-file.ts";
import { figureRows } from "./figure-rows.ts";

/** Median as workloads report it. */
interface Median {
  readonly median: number;
}

/** Program that is measured beside Milepost, and what it does not do. */
interface Peer {
  readonly title: string;
  readonly paced?: string;
  readonly published?: string;
  readonly leavesOut: string;
}

const peers: readonly Peer[] = [
  {
    ...{ title: "Milepost", paced: "milepost-json", published: "milepost" },
    leavesOut: "nothing; it has verified tokens, history, resume, order, bounded queues",
  },
  {
    ...{ title: "floor", paced: "floor", published: "floor" },
    leavesOut: "everything but writing frames, or reading and answering a request",
  },
  {
    ...{ title: "`ws` 8", paced: "ws", published: "ws" },
    leavesOut: "history, resume, order across reconnects, a bound on a slow reader",
  },
  {
    ...{ title: "Socket.IO 4.8", paced: "socket.io" },
    leavesOut: "history, publishing by HTTP; its recovery of connections is off by default",
  },
  {
    ...{ title: "Bun 1.4 (uWebSockets)", paced: "bun" },
    leavesOut: "tokens, history, resume, publishing by HTTP here",
  },
];

/** Returns the table of F1–F9 and T1–T10 in Markdown. */
export function targetTable(files: FigureFiles): string {
  const rows = figureRows(files).map(({ id, what, target, run, measured, isMet }) => [
    ...[`${id} ${what}`, target, measured ?? "not measured yet"],
    isMet === undefined ? "" : isMet ? "met" : "missed",
    run,
  ]);
  return table(["figure", "target", "measured", "", "run"], rows);
}

/** Returns the table that compares Milepost with others in Markdown; a figure that was not measured is left empty. */
export function peerTable(files: FigureFiles): string {
  const cell = (run: string, target: string | undefined, of: (row: never) => string) => {
    const rows = files.get(run)?.report.rows as readonly { readonly target: string }[] | undefined;
    const row = rows?.find((one) => one.target === target);
    return row === undefined ? "" : of(row as never);
  };
  const us = ({ cpuUsPerDelivery: { median } }: { cpuUsPerDelivery: Median }) =>
    median.toFixed(median < 1 ? 2 : 1);
  const serverUs = ({ serverUs }: { serverUs: Median }) => serverUs.median.toFixed(0);
  const rows = peers.map(({ title, paced, published }) => [
    title,
    cell("fanout", paced, us),
    cell("burst", paced, us),
    cell("memory", paced, ({ residentBytes }: { residentBytes: Median }) =>
      (residentBytes.median / 1_024).toFixed(1),
    ),
    cell("connect", published, serverUs),
    cell("publish", published, serverUs),
    cell("unicast", published, serverUs),
  ]);
  const head = ["", "fan-out µs", "burst µs", "KB idle", "connect µs", "publish µs", "unicast µs"];
  const shown = rows.filter((row) => row.slice(1).some((value) => value !== ""));
  const lacks = peers
    .filter(({ title }) => shown.some(([name]) => name === title))
    .map(({ title, leavesOut }) => `- ${title} leaves out ${leavesOut}.`);
  return [table(head, shown), "", ...lacks].join("\n");
}

/** Returns the list of the runs with their command lines in Markdown. */
export function runList(files: FigureFiles): string {
  const lines = [...files.values()].flatMap(({ name, command, startedAt, commit, machine }) => [
    `- [${name}](figures/${name}.json): \`${command}\``,
    `  - ${startedAt.slice(0, 16).replace("T", " ")} UTC, commit ${commit}, ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load before ${machine.load.toFixed(1)}`,
  ]);
  return lines.join("\n");
}

/** Returns the measured unit costs in Markdown. */
export function costTable(files: FigureFiles): string {
  const costs = unitCosts(files);
  if (costs === undefined) return "Not measured yet.";
  return table(
    ["unit", "cost"],
    [
      [
        "`connect`: a connection with a token and one subscription",
        `${us(costs.connectUs)} of a gateway`,
      ],
      [
        "`unicast`: a publication by HTTP that one reader has",
        `${us(costs.unicastUs)} of a gateway`,
      ],
      ["`fanout`: a further delivery of a publication", `${us(costs.fanoutUs)} of a gateway`],
      ["`redis`: a publication", `${us(costs.redisUs)} of Redis`],
      ["`memory`: a connection", `${(costs.bytesPerConnection / 1_024).toFixed(1)} KB`],
      ["`base`: a worker without connections", `${Math.round(costs.bytesPerWorker / 2 ** 20)} MB`],
    ],
  );
}

/** Sizes that the plan on paper is for. */
const planned = [10_000, 100_000, 1_000_000] as const;

/** Returns the plan on paper in Markdown. */
export function planTable(files: FigureFiles): string {
  const costs = unitCosts(files);
  if (costs === undefined) return "Not measured yet.";
  const rows = planned.map((connections) => {
    const load = { connections, publicationsPerSecond: 0.2, comebackSeconds: 60 };
    const plan = planCapacity(load, costs);
    return [
      connections.toLocaleString("en-US"),
      (connections * load.publicationsPerSecond).toLocaleString("en-US"),
      ...[plan.byFiles, plan.byDeliveries, plan.byComeback].map(String),
      `**${plan.workers}**`,
      `${(plan.memoryBytes / 2 ** 30).toFixed(1)} GB`,
      plan.redisCores.toFixed(1),
    ];
  });
  const head = ["connections", "publications/s", "by files", "by deliveries", "by comeback"];
  return table([...head, "workers", "memory", "cores of Redis"], rows);
}

function us(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} µs`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Returns the page with its generated tables replaced. Throws if a mark is missing. */
export function withTables(page: string, files: FigureFiles): string {
  const tables = {
    ...{ targets: targetTable, peers: peerTable, costs: costTable, plan: planTable },
    runs: runList,
  };
  return Object.entries(tables).reduce((text, [name, of]) => {
    const [begin, end] = [`<!-- ${name}: npm run bench -- table -->`, `<!-- end of ${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`docs/performance.md lacks the marks of ${name}`);
    return `${text.slice(0, from + begin.length)}\n\n${of(files)}\n\n${text.slice(to)}`;
  }, page);
}
