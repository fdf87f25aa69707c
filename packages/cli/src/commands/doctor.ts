import { cutText, isRecord, MilepostError, parseJson } from "@milepost/protocol";
import {
  type Config,
  ConfigError,
  inspectStore,
  loadConfig,
  otherRole,
  printable,
  redacted,
} from "@milepost/server";
import { Command } from "commander";
import { Api, gatewayUrl, Refusal } from "../api.ts";
import { jsonLine } from "../carried-output.ts";
import { type ChannelReport, reportChannel, reportLines, ruleWarnings } from "../channel-report.ts";
import { CommandFailure, exitCodes } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";
import { causeOf, tryUpgrade } from "../upgrade.ts";

interface DoctorFlags {
  readonly url?: string;
  readonly config?: string;
  readonly json?: true;
}

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  /**
   * True if the check was skipped, because the gateway's role does not serve what the check tests; otherwise
   * absent.
   */
  readonly skipped?: true;
  readonly says: string;
}

interface StoreReport {
  readonly findings: readonly Finding[];
  readonly warnings: readonly string[];
}

const noStore: StoreReport = { findings: [], warnings: [] };
const timeoutMs = 5_000;
/** Characters of an answer that does not come from a gateway. */
const maxShown = 300;

/**
 * Creates the command `milepost doctor`, which shows the configuration and checks the gateway, or explains the
 * rule of a channel.
 */
export function doctorCommand(terminal: Terminal): Command {
  return new Command("doctor")
    .description(
      "Shows the configuration, without secrets, and checks that the gateway answers. With a channel, shows which rule applies to it, and the access and settings that result.",
    )
    .argument("[channel]", "explain the rule of this channel, for example collection:42:doc:7")
    .option("--url <url>", "URL of the gateway (MILEPOST_URL)")
    .option("--config <file>", "JSON file with settings (MILEPOST_CONFIG)")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nWith a channel, only the configuration is read: no gateway has to run, and no secret has to be set. Exit codes: 0 the rule was explained; 1 nobody can read the channel; 2 its name is invalid; 3 the configuration has mistakes.",
    )
    .action(async (channel: string | undefined, flags: DoctorFlags) => {
      if (channel !== undefined) {
        explain(channel, flags, terminal);
        return;
      }
      const config = readConfig(terminal, flags.config);
      const mistakes = config instanceof ConfigError ? config.mistakes : [];
      const shown = config instanceof ConfigError ? undefined : redacted(config);
      const store = config instanceof ConfigError ? noStore : await checkStore(config);
      const rules = config instanceof ConfigError ? [] : config.rules;
      const warnings = [...ruleWarnings(rules), ...store.warnings];
      const role = config instanceof ConfigError ? "all" : config.role;
      const own = config instanceof ConfigError ? undefined : addressOf(config);
      const url = gatewayUrl(terminal, flags.url, own);
      const findings = await Promise.all([
        ...store.findings,
        checkHttp("health", new URL("/ws/health", url)),
        checkHttp("ready", new URL("/readyz", url)),
        inRole(role !== "api", checkWebSocket(new URL("/ws", url))),
        inRole(role !== "gateway", checkCredential(terminal, url)),
      ]);

      if (flags.json) {
        terminal.out(
          jsonLine({
            node: process.version,
            config: shown,
            mistakes,
            warnings,
            url,
            findings,
          }),
        );
      } else {
        terminal.out(`Node ${process.version}`);
        const width = Math.max(...Object.keys(shown ?? {}).map(({ length }) => length)) + 2;
        for (const [name, value] of Object.entries(shown ?? {})) {
          terminal.out(`  ${name.padEnd(width)}${jsonLine(value ?? null)}`);
        }
        for (const mistake of mistakes) terminal.out(`  ✗ ${mistake}`);
        for (const warning of warnings) terminal.out(`  ! ${warning}`);
        terminal.out(`Gateway ${url.origin}`);
        for (const { check, ok, skipped, says } of findings) {
          const mark = skipped ? "-" : ok ? "✓" : "✗";
          terminal.out(printable(`  ${mark} ${check.padEnd(14)}${says}`));
        }
      }
      if (mistakes.length > 0) {
        throw new CommandFailure("the configuration has mistakes", exitCodes.config);
      }
      if (findings.some(({ ok }) => !ok)) {
        throw new CommandFailure("at least one check failed; the output above says which");
      }
    });
}

function explain(channel: string, flags: DoctorFlags, terminal: Terminal): void {
  const { config } = flags;
  // The rules are only read and no gateway starts, so no secret is needed.
  const sources = { flags: { dev: true }, env: terminal.env };
  const { rules } = loadConfig({ ...sources, ...(config !== undefined && { file: config }) });
  const report = reportOf(rules, channel);
  if (flags.json) terminal.out(jsonLine(report));
  else for (const line of reportLines(report)) terminal.out(line);
  if (report.unreadable !== undefined) {
    throw new CommandFailure(`${channel} cannot be read: ${report.unreadable}`);
  }
}

function reportOf(rules: Config["rules"], channel: string): ChannelReport {
  try {
    return reportChannel(rules, channel);
  } catch (error) {
    if (error instanceof MilepostError && error.code === "invalid_channel") {
      throw new CommandFailure(`${JSON.stringify(channel)}: ${error.message}`, exitCodes.usage);
    }
    throw error;
  }
}

function readConfig(terminal: Terminal, file: string | undefined): Config | ConfigError {
  try {
    return loadConfig({ env: terminal.env, ...(file !== undefined && { file }) });
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

/** Returns findings about the configured Redis, with warnings about settings that weaken a guarantee. */
async function checkStore(config: Config): Promise<StoreReport> {
  const check = config.redis === "" ? "store" : "redis";
  try {
    const lines = (await inspectStore(config)) ?? [];
    return {
      findings: lines.map(({ message }) => ({ check, ok: true, says: message })),
      warnings: lines.flatMap(({ warnings }) => warnings),
    };
  } catch (error) {
    const says = error instanceof Error ? error.message : String(error);
    return { findings: [{ check, ok: false, says }], warnings: [] };
  }
}

async function checkHttp(check: string, url: URL): Promise<Finding> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    const text = await response.text();
    // A captive portal or a login page answers with a page in HTML, and often with the status 200.
    const isPage = /\bx?html\b/i.test(response.headers.get("content-type") ?? "");
    return { check, ok: response.ok && !isPage, says: `HTTP ${response.status} ${wordsOf(text)}` };
  } catch (error) {
    return { check, ok: false, says: `no answer (${causeOf(error)})` };
  }
}

/** Returns what an answer about the health says in a line: of a gateway its state, of anything else how its text begins. */
function wordsOf(text: string): string {
  const json = parseJson(text);
  const health = json.ok && isRecord(json.value) ? json.value : {};
  if (typeof health.status !== "string") {
    return text.length > maxShown ? `${cutText(text, maxShown)}…` : text;
  }
  const { connections, store, spooled } = health;
  const words = [health.status];
  if (isRecord(connections)) words.push(`${connections.local} connections here`);
  if (isRecord(store)) {
    words.push(`store ${store.kind}${store.durable === true ? "" : ", which a restart empties"}`);
    if (store.full === true) words.push("the store is full");
    if (typeof store.reason === "string") words.push(store.reason);
  }
  if (typeof spooled === "number" && spooled > 0) words.push(`${spooled} publishes wait`);
  return words.join("; ");
}

/**
 * Checks that a WebSocket upgrade succeeds. If only this check fails, the usual cause is a proxy that does not
 * forward upgrades.
 */
async function checkWebSocket(url: URL): Promise<Finding> {
  const check = "websocket";
  const upgrade = await tryUpgrade(url, timeoutMs);
  if (upgrade.passes) return { check, ok: true, says: "the upgrade succeeds" };
  const { status, says } = upgrade;
  return isOtherRole(status, says)
    ? notInRole(check)
    : { check, ok: false, says: `the upgrade fails (${says})` };
}

async function checkCredential(terminal: Terminal, url: URL): Promise<Finding> {
  const check = "credential";
  try {
    await new Api(terminal, url.href, timeoutMs).get("/v1/operations", { limit: 1 });
    return { check, ok: true, says: "is accepted" };
  } catch (error) {
    if (error instanceof Refusal && isOtherRole(error.status, error.message)) {
      return notInRole(check);
    }
    if (error instanceof CommandFailure) return { check, ok: false, says: error.message };
    throw error;
  }
}

/** Turns a failed check into a skipped one when the configured role does not serve what it tests. */
async function inRole(serves: boolean, finding: Promise<Finding>): Promise<Finding> {
  const { check, ok } = await finding;
  return ok || serves ? finding : notInRole(check);
}

function isOtherRole(status: number | undefined, says: string): boolean {
  return status === 404 && says.endsWith(otherRole);
}

function notInRole(check: string): Finding {
  return { check, ok: true, skipped: true, says: "not served in this role" };
}

/**
 * Returns the URL at which the configured gateway can be reached from its own machine. Returns undefined if the
 * gateway listens on any free port.
 */
function addressOf({ host, port }: Config): string | undefined {
  if (port === 0) return undefined;
  const near = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${near.includes(":") ? `[${near}]` : near}:${port}`;
}
