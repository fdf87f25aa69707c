import { randomUUID } from "node:crypto";
import { type ChannelItem, type Client, createClient } from "@milepost/client";
import { JsonText, MilepostError, writeJson } from "@milepost/protocol";
import { createTokens, loadConfig, printable, printableJson } from "@milepost/server";
import { Command, Option } from "commander";
import { gatewayUrl, secretFrom } from "../api.ts";
import { jsonLine } from "../carried-output.ts";
import { CommandFailure, exitCodes } from "../exit-codes.ts";
import { integerFrom } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";
import { TextSocket } from "../text-socket.ts";
import { tryUpgrade } from "../upgrade.ts";

interface TailFlags {
  readonly since?: string;
  readonly last?: number;
  readonly count?: number;
  readonly url?: string;
  readonly json?: true;
}

const mintedTtlMs = 15 * 60_000;
const upgradeTimeoutMs = 5_000;

/**
 * Creates the command `milepost tail`, which prints the entries of a channel. It prints each entry once, also
 * after a reconnect.
 */
export function tailCommand(terminal: Terminal): Command {
  return new Command("tail")
    .description("Prints what is published to a channel until it is interrupted.")
    .argument("<channel>", "name of the channel, for example operation:9")
    .addOption(
      new Option("--since <place>", 'where to begin: a position, "start" or "now"').conflicts(
        "last",
      ),
    )
    .option("--last <n>", "begin with the last n entries", integerFrom(1, 10_000))
    .option("--count <n>", "stop after n entries", integerFrom(1, Number.MAX_SAFE_INTEGER))
    .option("--url <url>", "URL of the gateway (MILEPOST_URL)")
    .option("--json", "print one JSON object per line")
    .addHelpText(
      "after",
      "\nMILEPOST_TOKEN is the user token to read with. Without it, a token for the channel is made with MILEPOST_TOKEN_SECRET.",
    )
    .action(async (channel: string, flags: TailFlags) => {
      const since = flags.last === undefined ? flags.since : { last: flags.last };
      const url = new URL("/ws", gatewayUrl(terminal, flags.url));
      await using client = createClient({
        url: url.href,
        token: tokenFor(channel, terminal),
        webSocket: TextSocket,
        onError: (error) => terminal.err(printable(`milepost: ${String(error)}`)),
      });
      const closed = watchConnection(client, url, terminal);
      let left = flags.count ?? Number.POSITIVE_INFINITY;
      const stream = client.channel(channel).stream({
        signal: AbortSignal.any([terminal.signal, closed.signal]),
        ...(since !== undefined && { since }),
      });
      try {
        for await (const item of stream) {
          terminal.out(flags.json ? jsonLine(withData(item)) : describe(item));
          if (item.type === "event") left--;
          if (left <= 0) break;
        }
      } catch (error) {
        if (terminal.signal.aborted) return;
        if (error instanceof MilepostError) {
          throw new CommandFailure(`${error.code}: ${error.message}`, undefined, { cause: error });
        }
        throw error;
      }
    });
}

/**
 * Prints the changes of the connection's state. When the gateway closes the connection for good, the returned
 * controller aborts with the failure to print as its reason.
 */
function watchConnection(
  client: Pick<Client, "onState">,
  url: URL,
  terminal: Terminal,
): AbortController {
  const closed = new AbortController();
  let isDegraded = false;
  let hasAsked = false;
  client.onState((state) => {
    if (state.state === "reconnecting") {
      terminal.err(printable(`milepost: no connection (${state.reason}); reconnecting`));
      if (!hasAsked) void tellWhy(url, terminal);
      hasAsked = true;
    } else if (state.state === "connected") {
      hasAsked = false;
      if (state.degraded === isDegraded) return;
      isDegraded = state.degraded;
      terminal.err(
        isDegraded
          ? "milepost: degraded: the gateway cannot reach its store; few or no entries arrive until it can"
          : "milepost: restored: the gateway can reach its store again",
      );
    } else if (state.state === "closed" && state.verdict !== "resume") {
      const why = `the gateway closed the connection: ${state.code} ${state.reason}`;
      closed.abort(new CommandFailure(why));
    }
  });
  return closed;
}

/**
 * Asks the server for the reason why it refuses a WebSocket, and prints that reason. A WebSocket client itself
 * never sees the reason.
 */
async function tellWhy(url: URL, terminal: Terminal): Promise<void> {
  const upgrade = await tryUpgrade(url, upgradeTimeoutMs);
  if (upgrade.passes) return;
  const verb = upgrade.status === undefined ? "cannot be reached" : "says";
  terminal.err(printable(`milepost: ${url.origin} ${verb}: ${upgrade.says}`));
}

function tokenFor(channel: string, terminal: Terminal): string | (() => Promise<string>) {
  const token = secretFrom(terminal, "MILEPOST_TOKEN");
  if (token !== undefined) return token;
  if (secretFrom(terminal, "MILEPOST_TOKEN_SECRET") === undefined) {
    throw new CommandFailure(
      "no credential: set MILEPOST_TOKEN to a user token, or MILEPOST_TOKEN_SECRET to the gateway's secret",
      exitCodes.config,
    );
  }
  const tokens = createTokens(loadConfig({ env: terminal.env }).tokenSecret, Date);
  // A session of its own, so that no limit of another program's session applies.
  const session = `tail-${randomUUID()}`;
  return () => tokens.mint({ session, ttlMs: mintedTtlMs, channels: { subscribe: [channel] } });
}

/** Returns an item whose data is written as its own text. */
function withData(item: ChannelItem): object {
  return item.type === "event" ? { ...item, data: new JsonText(textOf(item.data)) } : item;
}

/** Returns the JSON of an event's data, which {@link TextSocket} delivers as text. */
function textOf(data: unknown): string {
  return typeof data === "string" ? data : writeJson(data);
}

function describe(item: ChannelItem): string {
  switch (item.type) {
    case "event":
      return `${new Date(item.ts).toISOString()} ${item.position} ${item.source === undefined ? "" : `${item.source} `}${item.event} ${printableJson(textOf(item.data))}`;
    case "snapshot":
      return `-- state at ${item.position}: ${jsonLine(item.snapshot.state)}`;
    case "reset":
      return `-- reset (${item.reason}), state at ${item.position}: ${jsonLine(item.snapshot.state)}`;
    case "gap":
      return `-- gap (${item.reason}): entries after ${item.from} up to ${item.to} cannot be delivered`;
  }
}
