import type { ConnectionList, ConnectionView } from "@milepost/server";
import { Command } from "commander";
import { Api } from "../api.ts";
import { jsonLine } from "../carried-output.ts";
import { mustNameOne } from "../one-target.ts";
import { table } from "../table.ts";
import type { Terminal } from "../terminal.ts";

interface Flags {
  readonly url?: string;
  readonly json?: true;
  readonly user?: string;
  readonly session?: string;
  readonly connection?: string;
  readonly node?: string;
}

/** Creates the command `milepost connections`, which lists connections with their users and nodes. */
export function connectionsCommand(terminal: Terminal): Command {
  return new Command("connections")
    .description("Lists the connections of one user, session or node, or one connection by its id.")
    .option("--user <id>", "connections of this user")
    .option("--session <id>", "connections of this session")
    .option("--connection <id>", "only the connection with this id")
    .option("--node <name>", "connections to this node")
    .option("--url <url>", "URL of the gateway (MILEPOST_URL)")
    .option("--json", "print JSON")
    .action(async ({ url, json: asJson, user, session, connection, node }: Flags) => {
      const whose = { user, session, connection, node };
      mustNameOne(whose);
      const list = await new Api(terminal, url).get<ConnectionList>("/v1/connections", whose);
      if (asJson) terminal.out(jsonLine(list));
      else for (const line of table(columns, list.connections.map(rowOf))) terminal.out(line);
    });
}

const columns = ["CONNECTION", "USER", "SESSION", "NODE", "CONSUMER", "SINCE"];

function rowOf(connection: ConnectionView) {
  const { connection_id, user_id = "-", session_id = "-", node, consumer, since } = connection;
  return [connection_id, user_id, session_id, node, consumer, new Date(since).toISOString()];
}
