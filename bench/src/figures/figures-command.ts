import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeMachine } from "../measure/machine.ts";
import { type Options, readOptions, type WorkloadName } from "../options.ts";
import { memoryTargets, pacedTargets } from "../targets/catalog.ts";
import type { OnProgress, WorkloadReport } from "../workloads/workload.ts";
import { type FigureFile, readFigures } from "./figure-file.ts";
import { figureRuns } from "./figure-runs.ts";
import { peerTable, runList, targetTable, withTables } from "./figure-tables.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
/** Folder of the committed figures, and the page that shows them. */
const folder = join(root, "docs/figures");
const page = join(root, "docs/performance.md");

/** Workloads by name, each with the function that runs it. */
export type Workloads = Readonly<
  Record<WorkloadName, (options: Options, onProgress: OnProgress) => Promise<WorkloadReport>>
>;

/** Makes the runs of the table, or those that are named, and writes the figures of each to its file. */
export async function runFigures(
  args: readonly string[],
  workloads: Workloads,
  print: (line: string) => void,
): Promise<void> {
  const [first] = args;
  const hasNames = first !== undefined && !first.startsWith("--");
  const names = hasNames ? first.split(",") : figureRuns.map(({ name }) => name);
  const more = hasNames ? args.slice(1) : args;
  mkdirSync(folder, { recursive: true });
  for (const wanted of names) {
    const run = figureRuns.find(({ name }) => name === wanted);
    if (run === undefined) {
      throw new Error(
        `no run "${wanted}"; choose from ${figureRuns.map(({ name }) => name).join(", ")}`,
      );
    }
    const { name } = run;
    const own = withDefaults(more, [...run.args, ...withBun(name)]);
    const begun = {
      startedAt: new Date().toISOString(),
      commit: commitOf(),
      machine: describeMachine(),
    };
    print(`${name}: begins at load ${begun.machine.load.toFixed(1)}`);
    const report =
      name === "client-size"
        ? clientSize()
        : await workloads[name](readOptions([name, ...own]), print);
    const command =
      name === "client-size" ? "npm run lint:size" : `npm run bench -- ${[name, ...own].join(" ")}`;
    const file: FigureFile = { name, command, ...begun, report };
    writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(file)}\n`);
  }
  printTables([], print);
}

/** Prints the tables of the committed figures; with `--write`, puts them into docs/performance.md. */
export function printTables(args: readonly string[], print: (line: string) => void): void {
  const files = readFigures(folder);
  if (args.includes("--write")) {
    writeFileSync(page, withTables(readFileSync(page, "utf8"), files));
    return;
  }
  for (const text of [targetTable(files), peerTable(files), runList(files)]) print(`${text}\n`);
}

/** Returns options as pairs of a flag and its value, with the defaults of those that are not there. */
export function withDefaults(
  given: readonly string[],
  defaults: readonly string[],
): readonly string[] {
  const missing = defaults.filter((_, i) => !given.includes(defaults[i - (i % 2)] ?? ""));
  return [...missing, ...given];
}

/** Returns the option that adds Bun to the targets of a run, if it is installed. */
function withBun(name: string): readonly string[] {
  if (!process.env.BENCH_BUN) return [];
  if (name === "fanout" || name === "burst")
    return ["--targets", [...pacedTargets, "bun"].join(",")];
  return name === "memory" ? ["--targets", [...memoryTargets, "bun"].join(",")] : [];
}

function commitOf(): string {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" });
  const isChanged = git("status", "--porcelain", "--untracked-files=no").trim() !== "";
  return `${git("rev-parse", "--short=8", "HEAD").trim()}${isChanged ? "+" : ""}`;
}

/** Runs the check of the client's size, which prints a line for each page. */
function clientSize(): WorkloadReport {
  const printed = execFileSync(process.execPath, [join(root, "scripts/client-size.mjs")], {
    encoding: "utf8",
  });
  const rows = [...printed.matchAll(/^(.+): (\d+) of \d+ bytes$/gm)].map(
    ([, name = "", bytes]) => ({
      name,
      bytes: Number(bytes),
    }),
  );
  return {
    workload: "client-size",
    what: "the client for a browser, minified and gzipped",
    table: [["page", "bytes"], ...rows.map(({ name, bytes }) => [name, String(bytes)])],
    notes: [],
    rows,
  };
}
