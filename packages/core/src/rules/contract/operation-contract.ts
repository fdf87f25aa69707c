import {
  type ContractOperation,
  type DefinedContract,
  MilepostError,
  readWith,
  type StandardSchema,
} from "@milepost/protocol";

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

  #of(kind: string): ContractOperation | undefined {
    const kinds = this.#kinds;
    if (kinds === undefined) return undefined;
    const operation = Object.hasOwn(kinds, kind) ? kinds[kind] : kinds["*"];
    if (operation !== undefined) return operation;
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
