import type { Disconnected } from "@milepost/server";
import { Command } from "commander";
import { Api } from "../api.ts";
import { jsonLine } from "../carried-output.ts";
import { mustNameOne } from "../one-target.ts";
import type { Terminal } from "../terminal.ts";

interface Flags {
  readonly url?: string;
  readonly json?: true;
  readonly user?: string;
  readonly session?: string;
  readonly connection?: string;
  readonly node?: string;
  readonly reason?: string;
}

/**
 * Creates the command `milepost disconnect`, which closes connections so that their clients do not reconnect.
 */
export function disconnectCommand(terminal: Terminal): Command {
  return new Command("disconnect")
    .description(
      "Disconnects a user, a session, one connection or all connections of a node. Their clients do not reconnect.",
    )
    .option("--user <id>", "connections of this user")
    .option("--session <id>", "connections of this session")
    .option("--connection <id>", "the connection with this id")
    .option("--node <name>", "connections to this node")
    .option("--reason <text>", "reason that the clients receive")
    .option("--url <url>", "URL of the gateway (MILEPOST_URL)")
    .option("--json", "print JSON")
    .action(async ({ url, json: asJson, ...body }: Flags) => {
      const { user, session, connection, node } = body;
      mustNameOne({ user, session, connection, node });
      const told = await new Api(terminal, url).post<Disconnected>("/v1/disconnect", body);
      terminal.out(asJson ? jsonLine(told) : `${told.connections} disconnected`);
    });
}
