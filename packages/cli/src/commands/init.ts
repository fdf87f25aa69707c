import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, hashOfApiKey, loadConfig } from "@milepost/server";
import { Command } from "commander";
import { CommandFailure, exitCodes } from "../exit-codes.ts";
import { backendEnvText, configurationText } from "../init/configuration.ts";
import { integerFrom, repeated } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";

interface InitFlags {
  readonly force?: true;
  readonly host?: string;
  readonly port?: number;
  readonly redis?: string;
  readonly origin?: readonly string[];
  readonly proxy?: readonly string[];
  readonly metricsPort?: number;
}

/** Creates the command `milepost init`, which writes a configuration with secrets of its own. */
export function initCommand(terminal: Terminal): Command {
  return new Command("init")
    .description(
      "Writes milepost.json, a commented configuration with new secrets, and backend.env, what a backend needs to use it. Only their owner can read them.",
    )
    .argument("[folder]", "folder of the two files, which is made if it is missing", ".")
    .option("--force", "replace files that exist; tokens and keys of before no longer work then")
    .option("--host <address>", "address to listen on, 0.0.0.0 for all")
    .option("--port <port>", "port to listen on", integerFrom(1, 65_535))
    .option("--redis <url>", "URL of the Redis that several gateways share")
    .option("--origin <origin>", "origin of a page that may connect; may be repeated", repeated)
    .option("--proxy <address>", "address of a proxy in front; may be repeated", repeated)
    .option("--metrics-port <port>", "port of /metrics without a key", integerFrom(1, 65_535))
    .addHelpText("after", "\nThen: milepost serve --config milepost.json")
    .action((folder: string, flags: InitFlags) => {
      const apiKey = randomBytes(32).toString("base64url");
      const tokenSecret = randomBytes(48).toString("base64url");
      const settings = configurationText(chosenBy(flags), {
        tokenSecret,
        apiKeyHash: hashOfApiKey(apiKey),
      });
      const port = flags.port ?? 8787;
      const files = [
        { path: join(folder, "milepost.json"), text: settings },
        {
          path: join(folder, "backend.env"),
          text: backendEnvText(`http://127.0.0.1:${port}`, apiKey, tokenSecret),
        },
      ] as const;
      checkSettings(settings);
      writePrivate(folder, files, flags.force === true);
      const [{ path: config }, { path: env }] = files;
      for (const line of [
        `${config}  settings of the gateway, each with its explanation`,
        `${env}    variables for a backend, and for this command`,
        "Both hold secrets, and only you can read them. Keep them out of your repository.",
        "",
        `  milepost serve --config ${config}`,
        `  set -a; . ${env.startsWith("/") ? env : `./${env}`}; set +a; milepost doctor --config ${config}`,
      ]) {
        terminal.out(line);
      }
    });
}

function chosenBy({ host, port, redis, origin, proxy, metricsPort }: InitFlags) {
  return {
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(redis !== undefined && { redis }),
    ...(origin !== undefined && { allowedOrigins: origin }),
    ...(proxy !== undefined && { trustedProxies: proxy, forwardedHeader: "x-forwarded-for" }),
    ...(metricsPort !== undefined && { metricsPort }),
  };
}

/** Throws a {@link ConfigError} if a gateway would refuse the settings. */
function checkSettings(text: string): void {
  const file = "milepost.json";
  try {
    loadConfig({ file, env: {}, readFile: () => text });
  } catch (error) {
    // Only the flags can be wrong, so the names of the settings say which.
    if (error instanceof ConfigError) {
      throw new CommandFailure(error.message, exitCodes.config, { cause: error });
    }
    throw error;
  }
}

interface PrivateFile {
  readonly path: string;
  readonly text: string;
}

/** Writes all files or none, each readable for its owner alone from its first byte on. */
function writePrivate(folder: string, files: readonly PrivateFile[], replaces: boolean): void {
  const present = files.filter(({ path }) => existsSync(path)).map(({ path }) => path);
  if (present.length > 0 && !replaces) {
    throw new CommandFailure(
      `${present.join(" and ")} ${present.length > 1 ? "exist" : "exists"}, and nothing was written; name another folder, or replace with --force: tokens and keys of before no longer work then`,
    );
  }
  // What replaces a file is written beside it first, so that no moment sees half of it.
  const written: string[] = [];
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const { path, text } of files) {
      const draft = replaces ? `${path}.${process.pid}` : path;
      writeFileSync(draft, text, { mode: 0o600, flag: "wx" });
      written.push(draft);
    }
    if (replaces) for (const [i, { path }] of files.entries()) renameSync(written[i] ?? "", path);
  } catch (error) {
    for (const path of written) rmSync(path, { force: true });
    throw new CommandFailure(
      `the configuration cannot be written (${(error as Error).message}); name a folder that you may write`,
      exitCodes.failure,
      { cause: error },
    );
  }
}
