import type { Disconnected } from "@milepost/server";
import { Command } from "commander";
import { Api } from "../api.ts";
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

/** `milepost disconnect`: closes connections for good. */
export function disconnectCommand(terminal: Terminal): Command {
  return new Command("disconnect")
    .description("Disconnects for good: a user, a session, a connection, or all of a node.")
    .option("--user <id>", "those of this user")
    .option("--session <id>", "those of this session")
    .option("--connection <id>", "the one of this id")
    .option("--node <name>", "those at this node")
    .option("--reason <text>", "what they are told")
    .option("--url <url>", "the gateway (MILEPOST_URL)")
    .option("--json", "print JSON")
    .action(async ({ url, json: asJson, ...body }: Flags) => {
      const { user, session, connection, node } = body;
      mustNameOne({ user, session, connection, node });
      const told = await new Api(terminal, url).post<Disconnected>("/v1/disconnect", body);
      terminal.out(asJson ? JSON.stringify(told) : `${told.connections} disconnected`);
    });
}
