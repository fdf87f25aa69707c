import { readFile, writeFile } from "node:fs/promises";
import type * as Load from "@milepost/load";
import { Command, Option } from "commander";
import { gatewayUrl, secretFrom } from "../api.ts";
import { BenchProgress } from "../bench-progress.ts";
import { jsonLine } from "../carried-output.ts";
import { CommandFailure, exitCodes } from "../exit-codes.ts";
import { durationMs, integerFrom, repeated } from "../option-values.ts";
import { table } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { tokenIssuer } from "../token-issuer.ts";

const profileNames = ["1k", "10k", "50k"] as const satisfies readonly Load.ProfileName[];

interface BenchFlags {
  readonly url?: string;
  readonly allowRemote?: true;
  readonly connections?: number;
  readonly connectRate?: number;
  readonly channels?: number;
  readonly rate?: number;
  readonly duration?: number;
  readonly warmup?: number;
  readonly bytes?: number;
  readonly processes?: number;
  readonly source?: readonly string[];
  readonly config?: string;
  readonly out?: string;
  readonly svg?: string;
  readonly json?: true;
}

/** Creates the command `milepost bench`, which puts load on a gateway and reports what its readers saw. */
export function benchCommand(terminal: Terminal): Command {
  return (
    new Command("bench")
      .description(
        "Puts load on a gateway of your own: many connections, publications on a fixed schedule, latencies.",
      )
      .argument("[profile]", `profile to run: ${profileNames.join(", ")} (default: 1k)`)
      .option("--url <url>", "URL of the gateway (MILEPOST_URL)")
      .option("--allow-remote", "the server at the URL is my own, and may be loaded over a network")
      .option("--connections <n>", "connections to open", integerFrom(1, 500_000))
      .option("--connect-rate <n>", "connections to open a second", integerFrom(1, 20_000))
      .option(
        "--channels <n>",
        "channels that the connections are spread over",
        integerFrom(1, 500_000),
      )
      .option("--rate <n>", "publications a second over all channels", integerFrom(0, 100_000))
      .addOption(
        new Option("--duration <duration>", "measured time, such as 30s or 10m").argParser(
          durationMs,
        ),
      )
      .option("--warmup <seconds>", "seconds before the measured time", integerFrom(0, 600))
      .option("--bytes <n>", "bytes of the data of a publication", integerFrom(64, 65_536))
      .option("--processes <n>", "processes that hold the connections", integerFrom(1, 64))
      .option(
        "--source <address>",
        "address of this machine to connect from (repeatable; default on loopback: 127.0.1.1 and so on)",
        repeated,
      )
      .option("--config <file>", "JSON file with settings, for the token secret (MILEPOST_CONFIG)")
      .option("--out <file>", "write the report to a file, for milepost bench compare")
      .option("--svg <file>", "write a picture of the run to a file")
      .option("--json", "print the report as JSON")
      // Options after `compare` are those of `compare`.
      .enablePositionalOptions()
      .addHelpText("after", help)
      .action(async (profile: string | undefined, flags: BenchFlags) => {
        await bench(terminal, profile ?? "1k", flags);
      })
      .addCommand(compareCommand(terminal))
  );
}

const help = `
Subscribing needs MILEPOST_TOKEN_SECRET (or --config), publishing MILEPOST_API_KEY. With the scope metrics, that key
also brings figures of the gateway. Channels are named bench:…; a rule for them must not forbid either.
Exit code 1: a connection failed or ended, a publication was refused, or a delivery was lost or came twice.`;

function compareCommand(terminal: Terminal): Command {
  return new Command("compare")
    .description("Compares two reports that --out wrote.")
    .argument("<before>", "report of the first run")
    .argument("<after>", "report of the second run")
    .option(
      "--fail-above <percent>",
      "exit with 1 if a figure became worse by more than this",
      integerFrom(0, 10_000),
    )
    .option("--json", "print JSON")
    .action(async (before: string, after: string, flags: { failAbove?: number; json?: true }) => {
      const load = await loadTool();
      const reports = await Promise.all([before, after].map((file) => readReport(load, file)));
      const [first, second] = reports as [Load.LoadReport, Load.LoadReport];
      const { figures, cautions } = load.compareReports(first, second);
      if (flags.json) terminal.out(jsonLine({ figures, cautions }));
      else {
        const rows = figures.map(({ name, words, ratio }) => [
          ...[name, ...words],
          ratio === undefined ? "" : `${ratio.toFixed(2)} ×`,
        ]);
        for (const line of table(["figure", "before", "after", "ratio"], rows)) {
          terminal.out(line);
        }
        for (const caution of cautions) terminal.out(`caution: ${caution}`);
      }
      const { failAbove } = flags;
      if (failAbove === undefined) return;
      const worse = figures.filter(({ worsePercent }) => worsePercent > failAbove);
      if (worse.length > 0) {
        throw new CommandFailure(
          `worse by more than ${failAbove} %: ${worse.map(({ name }) => name).join(", ")}`,
        );
      }
    });
}

async function bench(terminal: Terminal, profile: string, flags: BenchFlags): Promise<void> {
  const load = await loadTool();
  const known = profileNames.find((name) => name === profile);
  if (known === undefined) {
    throw new CommandFailure(
      `no profile ${JSON.stringify(profile)}; choose from ${profileNames.join(", ")}`,
      exitCodes.usage,
    );
  }
  const target = await permitted(load, gatewayUrl(terminal, flags.url), flags);
  const apiKey = secretFrom(terminal, "MILEPOST_API_KEY");
  if (apiKey === undefined) {
    throw new CommandFailure(
      "no API key: set MILEPOST_API_KEY to a key of the gateway with the scope to publish",
      exitCodes.config,
    );
  }
  const shape = shapeOf(load.profiles[known], flags);
  const tokens = tokenIssuer(terminal, flags.config);
  const { connections, connectRate, seconds } = shape;
  const ttlMs = (3_600 + connections / connectRate + seconds) * 1_000;
  const progress = new BenchProgress(terminal);
  let report: Load.LoadReport;
  try {
    report = await load.runLoad({
      ...{ profile, shape, target, apiKey, signal: terminal.signal },
      ...(flags.processes !== undefined && { processes: flags.processes }),
      ...(flags.source !== undefined && { sources: flags.source }),
      token: (index) =>
        tokens.mint({
          user: `bench-${index}`,
          session: `bench-${index}`,
          channels: { subscribe: ["bench:*"] },
          ttlMs,
        }),
      onProgress: (where) => progress.show(where),
    });
  } finally {
    progress.end();
  }
  if (flags.json) terminal.out(jsonLine(report));
  else for (const line of load.summaryOf(report)) terminal.out(line);
  // A file that cannot be written must not cost the figures of a long run.
  if (flags.out !== undefined) await writeFile(flags.out, `${JSON.stringify(report)}\n`);
  if (flags.svg !== undefined) await writeFile(flags.svg, load.chartOf(report));
  if (!load.isClean(report)) throw new CommandFailure("the run had failures; see above");
}

/** The load tool is loaded when it is used, so that no other command pays for it. */
function loadTool(): Promise<typeof Load> {
  return import("@milepost/load");
}

async function permitted(
  load: typeof Load,
  url: URL,
  { allowRemote = false }: { allowRemote?: boolean },
): Promise<Load.PermittedTarget> {
  try {
    return await load.permitTarget(url, allowRemote);
  } catch (error) {
    if (!(error instanceof load.TargetRefused)) throw error;
    throw new CommandFailure(error.message, exitCodes.usage);
  }
}

function shapeOf(profile: Load.LoadShape, flags: BenchFlags): Load.LoadShape {
  const { duration, warmup, ...given } = flags;
  const connections = given.connections ?? profile.connections;
  return {
    connections,
    connectRate: given.connectRate ?? profile.connectRate,
    // Each channel has a reader, as long as nobody asks for more channels.
    channels: given.channels ?? Math.min(profile.channels, connections),
    rate: given.rate ?? profile.rate,
    seconds: duration === undefined ? profile.seconds : Math.max(1, Math.round(duration / 1_000)),
    warmupSeconds: warmup ?? profile.warmupSeconds,
    bytes: given.bytes ?? profile.bytes,
  };
}

async function readReport(load: typeof Load, file: string): Promise<Load.LoadReport> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new CommandFailure(`cannot read ${file}`, exitCodes.usage, { cause });
  }
  try {
    return load.readReport(text, file);
  } catch (error) {
    throw new CommandFailure(
      error instanceof Error ? error.message : String(error),
      exitCodes.usage,
    );
  }
}
