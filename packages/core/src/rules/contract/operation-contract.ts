import {
  type ContractOperation,
  type DefinedContract,
  MilepostError,
  readWith,
  type StandardSchema,
} from "@milepost/protocol";
import { atField } from "../../input/field-schema.ts";

/** Contract of operations, by kind. Without a contract, any kind, input and result is accepted. */
export class OperationContract {
  readonly #kinds: DefinedContract["operations"];

  constructor(kinds: DefinedContract["operations"]) {
    this.#kinds = kinds;
  }

  /** Rejects with `invalid_data` if the contract has no such kind, or the input does not match its schema. */
  async checkInput(kind: string, input: unknown): Promise<void> {
    await check(this.#of(kind)?.input, input, "input");
  }

  /** Rejects with `invalid_data` if the contract has no such kind, or the result does not match its schema. */
  async checkResult(kind: string, result: unknown): Promise<void> {
    await check(this.#of(kind)?.result, result, "result");
  }

  /** Returns the names of the kind's own commands. */
  commandsOf(kind: string): readonly string[] {
    return Object.keys(this.#known(kind)?.commands ?? {});
  }

  /** Rejects with `invalid_data` if the arguments do not match the schema that the kind has for the command. */
  async checkCommand(kind: string, command: string, args: unknown): Promise<void> {
    const commands = this.#known(kind)?.commands ?? {};
    const schema = Object.hasOwn(commands, command) ? commands[command] : undefined;
    await check(schema && atField("args", schema), args ?? {}, "args");
  }

  #known(kind: string): ContractOperation | undefined {
    const kinds = this.#kinds;
    if (kinds === undefined) return undefined;
    return Object.hasOwn(kinds, kind) ? kinds[kind] : kinds["*"];
  }

  #of(kind: string): ContractOperation | undefined {
    const kinds = this.#kinds;
    const operation = this.#known(kind);
    if (kinds === undefined || operation !== undefined) return operation;
    const names = Object.keys(kinds).join(", ");
    throw new MilepostError(
      "invalid_data",
      `kind: must be one of ${names}; it is ${JSON.stringify(kind)}`,
    );
  }
}

async function check(
  schema: StandardSchema | undefined,
  value: unknown,
  root: string,
): Promise<void> {
  if (schema === undefined) return;
  const checked = await readWith(schema, value, root);
  if (!checked.ok) throw MilepostError.from(checked.failure);
}
