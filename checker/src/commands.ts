import type { CommandRecord, OperationRecord } from "./records.ts";
import type { Accuse } from "./violation.ts";

interface Requested {
  readonly id: string;
  readonly operation: string;
  readonly at: number;
}

/**
 * Time that a command may wait for its producer before it must be shown as timed out, in milliseconds.
 * `slackMs` is added to it as a tolerance.
 */
const answerMs = 15_000;
const slackMs = 5_000;

/**
 * Checks that a command that was accepted is in the operation's state, is made once per key, and does not wait
 * for its producer forever.
 */
export class CommandChecks {
  /** Commands by operation, user and key. */
  readonly #byKey = new Map<string, Requested>();
  readonly #requested: Requested[] = [];

  command(record: CommandRecord, t: number, accuse: Accuse): void {
    const { operation, user, key, command_id: id } = record;
    if (id === undefined) return;
    const name = `${operation} ${user} ${key}`;
    const known = this.#byKey.get(name);
    if (known !== undefined) {
      if (known.id !== id) accuse("G3", `key ${key} made command ${id} as well as ${known.id}`);
      return;
    }
    const requested = { id, operation, at: t };
    this.#byKey.set(name, requested);
    this.#requested.push(requested);
  }

  /**
   * Checks the commands of an operation in its final state; `isWatched` is true while no node that knows of it
   * has ended.
   */
  operation(
    { operation, commands = [] }: OperationRecord,
    isWatched: boolean,
    t: number,
    accuse: Accuse,
  ): void {
    for (const { id, at } of this.#requested.filter((one) => one.operation === operation)) {
      const found = commands.find((command) => command.id === id);
      if (found === undefined) accuse("G2", `${operation} has lost command ${id}`);
      else if (found.phase === "requested" && isWatched && t - at > answerMs + slackMs) {
        accuse("G9", `command ${id} to ${operation} has waited for ${Math.round(t - at)} ms`);
      }
    }
  }
}
