import type { Command } from "commander";
import type { Terminal } from "./terminal.ts";

/** Creates a command for a terminal. */
type CreateCommand = (terminal: Terminal) => Command;

/** Loaders of all commands, by name, in the order in which the help lists them. */
const loaders: Readonly<Record<string, () => Promise<CreateCommand>>> = {
  demo: async () => (await import("./commands/demo.ts")).demoCommand,
  init: async () => (await import("./commands/init.ts")).initCommand,
  serve: async () => (await import("./commands/serve.ts")).serveCommand,
  backup: async () => (await import("./commands/backup.ts")).backupCommand,
  restore: async () => (await import("./commands/backup.ts")).restoreCommand,
  move: async () => (await import("./commands/move.ts")).moveCommand,
  token: async () => (await import("./commands/token.ts")).tokenCommand,
  id: async () => (await import("./commands/id.ts")).idCommand,
  key: async () => (await import("./commands/key.ts")).keyCommand,
  publish: async () => (await import("./commands/publish.ts")).publishCommand,
  end: async () => (await import("./commands/end.ts")).endCommand,
  tail: async () => (await import("./commands/tail.ts")).tailCommand,
  ops: async () => (await import("./commands/ops.ts")).opsCommand,
  run: async () => (await import("./commands/run.ts")).runCommand,
  queue: async () => (await import("./commands/queue.ts")).queueCommand,
  ask: async () => (await import("./commands/ask.ts")).askCommand,
  estimates: async () => (await import("./commands/estimates.ts")).estimatesCommand,
  inbox: async () => (await import("./commands/inbox.ts")).inboxCommand,
  dlq: async () => (await import("./commands/dlq.ts")).dlqCommand,
  connections: async () => (await import("./commands/connections.ts")).connectionsCommand,
  disconnect: async () => (await import("./commands/disconnect.ts")).disconnectCommand,
  revoke: async () => (await import("./commands/revoke.ts")).revokeCommand,
  doctor: async () => (await import("./commands/doctor.ts")).doctorCommand,
  bench: async () => (await import("./commands/bench.ts")).benchCommand,
};

/**
 * Loads the command that a command line names, or all of them if it names none. A gateway and its workers would otherwise
 * keep the code of every other command in memory.
 */
export async function loadCommands(
  [name = ""]: readonly string[],
  terminal: Terminal,
): Promise<readonly Command[]> {
  const wanted = Object.hasOwn(loaders, name) ? [loaders[name]] : Object.values(loaders);
  const created = await Promise.all(wanted.map((load) => load?.()));
  return created.flatMap((create) => (create === undefined ? [] : [create(terminal)]));
}
