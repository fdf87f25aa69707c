import type { CommandRecord, OperationRecord } from "./records.ts";
import type { Accuse } from "./violation.ts";

interface Requested {
  readonly id: string;
  readonly operation: string;
  readonly at: number;
}

/** How long a command may wait for its producer before it must be shown as timed out, and the slack of a look at it. */
const answerMs = 15_000;
const slackMs = 5_000;

/** A command that was answered is in the log, once for a key, and does not wait for ever. */
export class CommandChecks {
  /** By operation, user and key: the command it made. */
  readonly #byKey = new Map<string, Requested>();
  readonly #requested: Requested[] = [];

  command(record: CommandRecord, t: number, accuse: Accuse): void {
    const { operation, user, key, command_id: id } = record;
    if (id === undefined) return;
    const name = `${operation} ${user} ${key}`;
    const known = this.#byKey.get(name);
    if (known !== undefined) {
      if (known.id !== id) accuse("G3", `key ${key} made command ${id} besides ${known.id}`);
      return;
    }
    const requested = { id, operation, at: t };
    this.#byKey.set(name, requested);
    this.#requested.push(requested);
  }

  /** How the operation stands at the end; `isWatched` while no node that heard of it is gone. */
  operation(
    { operation, commands = [] }: OperationRecord,
    isWatched: boolean,
    t: number,
    accuse: Accuse,
  ): void {
    for (const { id, at } of this.#requested.filter((one) => one.operation === operation)) {
      const found = commands.find((command) => command.id === id);
      if (found === undefined) accuse("G2", `${operation} has forgotten command ${id}`);
      else if (found.phase === "requested" && isWatched && t - at > answerMs + slackMs) {
        accuse("G9", `command ${id} to ${operation} waits since ${Math.round(t - at)} ms`);
      }
    }
  }
}
