import type {
  CommandResult,
  OperationList,
  RequestedCommand,
  RequestedCommands,
} from "@milepost/model";
import { printable } from "@milepost/server";
import { Argument, Command, Option } from "commander";
import { Api } from "../api.ts";
import { fieldOf, jsonBlock, jsonLine, jsonTextLine } from "../carried-output.ts";
import { CommandFailure } from "../exit-codes.ts";
import { durationMs, integerFrom, json } from "../option-values.ts";
import { table } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { operationRow, watchOperation, watchOperations } from "./ops-watch.ts";

interface SharedFlags {
  readonly url?: string;
  readonly json?: true;
}

interface ListFlags extends SharedFlags {
  readonly session?: string;
  readonly user?: string;
  readonly producer?: string;
  readonly kind?: string;
  readonly tag?: string;
  readonly parent?: string;
  readonly status?: string;
  readonly limit?: number;
}

interface CommandFlags extends SharedFlags {
  readonly key?: string;
  readonly args?: unknown;
}

const statuses = ["waiting", "running", "paused", "stalled", "done", "failed", "cancelled", "lost"];
const columns = ["OPERATION", "STATUS", "DONE", "WHAT"];
const commands = ["cancel", "pause", "resume", "retry"];

/** Creates the command `milepost ops`, which lists operations, shows one, live too, and sends commands to one or to many. */
export function opsCommand(terminal: Terminal): Command {
  const api = ({ url }: SharedFlags) => new Api(terminal, url);
  const shared = (command: Command) =>
    command
      .option("--url <url>", "URL of the gateway (MILEPOST_URL)")
      .option("--json", "print JSON");

  const list = shared(new Command("list"))
    .description("Lists operations, newest first.")
    .option("--session <id>", "operations of this session")
    .option("--user <id>", "operations of this user")
    .option("--producer <id>", "operations of this producer")
    .option("--kind <kind>", "operations of this kind")
    .option("--tag <tag>", "operations with this tag")
    .addOption(new Option("--status <status>", "operations in this status").choices(statuses))
    .option("--limit <n>", "list at most n operations", integerFrom(1, 1_000))
    .action(async ({ url, json: asJson, ...filter }: ListFlags) => {
      const { operations } = await new Api(terminal, url).get<OperationList>("/v1/operations", {
        ...filter,
      });
      if (asJson) terminal.out(jsonLine(operations));
      else for (const line of table(columns, operations.map(operationRow))) terminal.out(line);
    });

  const get = shared(new Command("get"))
    .description("Shows the state of an operation.")
    .argument("<operation>", "id of the operation")
    .action(async (id: string, flags: SharedFlags) => {
      const text = await api(flags).text(pathOf(id));
      terminal.out(flags.json ? jsonTextLine(text) : jsonBlock(fieldOf(text, "operation")));
    });

  const command = shared(new Command("command"))
    .description("Sends a command to the producer of an operation.")
    .argument("<operation>", "id of the operation")
    .addArgument(new Argument("<command>", "name of the command").choices(commands))
    .option("--args <json>", "arguments for the producer, as JSON", json)
    .option("--key <key>", "dedupe key: repeating the key creates no second command")
    .action(async (id: string, name: string, flags: CommandFlags) => {
      const { args, key } = flags;
      const requested = await api(flags).post<RequestedCommand>(`${pathOf(id)}/commands`, {
        command: name,
        ...(args !== undefined && { args }),
        ...(key !== undefined && { key }),
      });
      terminal.out(
        flags.json ? jsonLine(requested) : printable(`${requested.command_id} ${requested.phase}`),
      );
    });

  const commandAll = shared(new Command("command-all"))
    .description("Sends a command to all operations that meet every given condition.")
    .addArgument(new Argument("<command>", "name of the command").choices(commands))
    .option("--session <id>", "operations of this session")
    .option("--user <id>", "operations of this user")
    .option("--producer <id>", "operations of this producer")
    .option("--kind <kind>", "operations of this kind")
    .option("--tag <tag>", "operations with this tag")
    .option("--parent <id>", "parts of this operation")
    .addOption(new Option("--status <status>", "operations in this status").choices(statuses))
    .option("--args <json>", "arguments for the producers, as JSON", json)
    .option("--key <key>", "dedupe key: repeating the key creates no second command")
    .action(async (name: string, flags: CommandFlags & ListFlags) => {
      const { url: _url, json: asJson, args, key, ...filter } = flags;
      let [sent, refused] = [0, 0];
      let after: string | undefined;
      do {
        const page = await api(flags).post<RequestedCommands>("/v1/operations/commands", {
          command: name,
          filter,
          ...(args !== undefined && { args }),
          ...(key !== undefined && { key }),
          ...(after !== undefined && { after }),
        });
        for (const result of page.results) {
          if ("error" in result) refused++;
          else sent++;
          terminal.out(asJson ? jsonLine(result) : printable(resultLine(result)));
        }
        after = page.next;
      } while (after !== undefined);
      if (refused > 0) throw new CommandFailure(`${refused} of ${sent + refused} refused`);
      if (sent === 0 && !asJson) terminal.out("no operation of this filter takes the command now");
    });

  const live = shared(new Command("watch"))
    .description("Shows operations live, or one of them until it ends.")
    .argument("[operation]", "id of the operation; without it, the list")
    .option("--session <id>", "operations of this session")
    .option("--user <id>", "operations of this user")
    .option("--kind <kind>", "operations of this kind")
    .option("--tag <tag>", "operations with this tag")
    .option("--parent <id>", "parts of this operation")
    .addOption(new Option("--status <status>", "operations in this status").choices(statuses))
    .option("--limit <n>", "at most n operations", integerFrom(1, 1_000), 50)
    .option("--every <duration>", "time between two looks, such as 2s", durationMs, 1_000)
    .action(async (id: string | undefined, flags: ListFlags & { readonly every: number }) => {
      const { url, json: asJson, every: everyMs, ...filter } = flags;
      const watchFlags = { everyMs, ...(asJson && { json: asJson }) };
      if (id === undefined) await watchOperations(terminal, api(flags), { ...filter }, watchFlags);
      else await watchOperation(terminal, api(flags), id, watchFlags);
    });

  return new Command("ops")
    .description("Operations: list, watch, get, command, command-all.")
    .addCommand(list, { isDefault: true })
    .addCommand(live)
    .addCommand(get)
    .addCommand(command)
    .addCommand(commandAll);
}

function resultLine(result: CommandResult): string {
  if (!("error" in result)) return `${result.operation_id} ${result.command_id} ${result.phase}`;
  const { code, message } = result.error;
  return `${result.operation_id} ${code}: ${message}`;
}

function pathOf(id: string): string {
  return `/v1/operations/${encodeURIComponent(id)}`;
}
