import type { Random } from "@milepost/engine";
import {
  type CommandDefinition,
  commandAllowedIn,
  isBuiltInCommand,
  isFinal,
  isSettled,
  type OperationCommand,
  type OperationState,
  type OperationStatus,
  operationBounds,
  operationStatuses,
  type RequestCommand,
  type RequestedCommand,
  repeatedCommand,
} from "@milepost/model";
import { MilepostError, sha256Hex } from "@milepost/protocol";
import type { JsonSchemas } from "../input/json-schemas.ts";
import type { OperationContract } from "../rules/contract/operation-contract.ts";
import { authorOf, nameOf, type Principal } from "../rules/principal.ts";
import type { OperationAccess } from "./operation-access.ts";
import type { OperationAt, OperationLog } from "./operation-log.ts";
import type { OperationMonitor } from "./operation-monitor.ts";
import type { OperationNotifier } from "./operation-notifier.ts";

const idLength = 16;

/** Parts of the node that {@link OperationCommands} uses. */
export interface CommandContext {
  readonly access: OperationAccess;
  readonly log: OperationLog;
  readonly notifier: OperationNotifier;
  readonly monitor: OperationMonitor;
  readonly contract: OperationContract;
  readonly schemas: JsonSchemas;
  readonly random: Random;
}

/** Commands to operations: those that every operation has, and those that an operation or its kind declares. */
export class OperationCommands {
  readonly #context: CommandContext;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  /** Rejects with `invalid_data`, which names the place, if a schema of declared commands cannot be used. */
  requireDefinitions(commands: readonly CommandDefinition[] | undefined, path: string): void {
    for (const [i, { schema }] of (commands ?? []).entries()) {
      if (schema !== undefined) this.#context.schemas.require(schema, `${path}[${i}].schema`);
    }
  }

  /**
   * Adds a command to the operation's log, and returns it with its phase. A command that repeats one, by its key or while
   * that is not settled, is the earlier one. The caller runs this in the operation's own queue.
   */
  async request(
    principal: Principal,
    operationId: string,
    { command, args, key }: RequestCommand,
  ): Promise<RequestedCommand> {
    const { access, log, random, notifier, monitor } = this.#context;
    const operation = await access.commanded(principal, operationId, "commands");
    const { state } = operation;
    const author = authorOf(principal);
    const { publisher } = author;
    const commandKey = key === undefined ? unkeyed(state, command, args) : `command:${key}`;
    if (key !== undefined) {
      const known = await this.#known(state, publisher, commandKey);
      if (known !== undefined) return known;
    }
    const earlier =
      repeatedCommand(state.commands, command) ??
      (key === undefined ? pendingLike(state.commands, command, args) : undefined);
    if (earlier !== undefined) {
      const data = { command_id: earlier.id, command, phase: "requested" as const };
      // The state stays as it is. But the log remembers the key, which names the earlier command also once that is settled.
      const remembered = { ...author, key: commandKey };
      const change = { event: "command", data } as const;
      if (key !== undefined) await log.append(operationId, operation, change, remembered);
      return requested(earlier);
    }
    await this.#check(operation, command, args);
    const command_id = random.id(idLength);
    const data = { command_id, command, phase: "requested" as const, by: nameOf(principal) };
    const after = await log.append(
      operationId,
      operation,
      { event: "command", data: args === undefined ? data : { ...data, args } },
      { ...author, key: commandKey },
    );
    if (after.duplicate) {
      // Another node took the same request a moment earlier.
      const known = await this.#known(after.state, publisher, commandKey);
      if (known !== undefined) return known;
    }
    await notifier.changed(operation, after);
    await monitor.refresh(after.state, { before: state });
    await notifier.commanded(after.state);
    // Of two that were sent through two nodes at the same time, the log's state has the first.
    const repeats = after.state.commands.every(({ id }) => id !== command_id);
    const first = repeats ? repeatedCommand(after.state.commands, command) : undefined;
    return first === undefined ? { command_id, phase: "requested" } : requested(first);
  }

  /** Rejects unless the operation has such a command, its status allows it, and the arguments fit. */
  async #check({ state }: OperationAt, command: string, args: unknown): Promise<void> {
    const allowed = allowedIn(state, this.#declared(state), command);
    if (!allowed.includes(state.status)) {
      const message = `${command} is possible while ${allowed.join(", ")}; the operation is ${state.status}`;
      throw new MilepostError("not_possible_now", message);
    }
    const { contract, schemas } = this.#context;
    await contract.checkCommand(state.kind, command, args);
    const schema = state.accepts?.commands?.find(({ name }) => name === command)?.schema;
    if (schema !== undefined) await schemas.checkField(schema, args ?? {}, "args");
    const unsettled = state.commands.filter(({ phase }) => !isSettled(phase)).length;
    if (unsettled >= operationBounds.commands) {
      throw new MilepostError(
        "rate_limited",
        "too many commands of this operation wait for an answer; retry later",
      );
    }
  }

  /** Commands of the operation's own and of its kind. */
  #declared({ kind, accepts }: OperationState): readonly CommandDefinition[] {
    const ofKind = this.#context.contract.commandsOf(kind).map((name) => ({ name }));
    return [...(accepts?.commands ?? []), ...ofKind];
  }

  /** Returns the command that was already requested with this key, with its current phase. */
  async #known(
    { id, commands }: OperationState,
    publisher: string,
    key: string,
  ): Promise<RequestedCommand | undefined> {
    const known = await this.#context.log.find(id, publisher, key);
    if (known === undefined) return undefined;
    const data = JSON.parse(known.json) as { command_id: string; command: string } | null;
    if (data === null) {
      throw new MilepostError(
        "not_possible_now",
        "the command with this key is no longer kept; use a new key for a new command",
      );
    }
    const command = commands.find((candidate) => candidate.id === data.command_id);
    // One that repeated another through another node is in no state; the newest of its name is the one that it repeated.
    const first = command ?? commands.findLast((candidate) => candidate.command === data.command);
    return first === undefined
      ? { command_id: data.command_id, phase: "requested" }
      : requested(first);
  }
}

const notFinal = operationStatuses.filter((status) => !isFinal(status));

function requested({ id, phase }: OperationCommand): RequestedCommand {
  return { command_id: id, phase };
}

/** Returns the statuses in which the command is allowed; throws `bad_message` if the operation has no such command. */
function allowedIn(
  { kind }: OperationState,
  declared: readonly CommandDefinition[],
  command: string,
): readonly OperationStatus[] {
  if (isBuiltInCommand(command)) return commandAllowedIn[command];
  const definition = declared.find(({ name }) => name === command);
  if (definition !== undefined) return definition.while ?? notFinal;
  const names = [...Object.keys(commandAllowedIn), ...new Set(declared.map(({ name }) => name))];
  throw new MilepostError(
    "bad_message",
    `command: this operation of kind ${JSON.stringify(kind)} has no command "${command}"; it has ${names.join(", ")}`,
  );
}

/** Returns the unsettled command of the operation's own that has this name and these arguments. */
function pendingLike(
  commands: readonly OperationCommand[],
  name: string,
  args: unknown,
): OperationCommand | undefined {
  const wanted = JSON.stringify(args);
  return commands.find(
    (one) => !isSettled(one.phase) && one.command === name && JSON.stringify(one.args) === wanted,
  );
}

/**
 * Returns the key of a command that was sent without one. The same person who sends it twice through two nodes at once
 * sends one. After any other command the key is another one: the state forgets settled commands, but the log keeps keys.
 */
function unkeyed({ commands, attempt }: OperationState, name: string, args: unknown): string {
  const before = commands.at(-1)?.id ?? "";
  return `again:${attempt}:${name}:${before}:${sha256Hex(new TextEncoder().encode(JSON.stringify(args) ?? ""))}`;
}
