import { MilepostError } from "@milepost/protocol";
import { owns, permissionFor } from "../rules/permissions.ts";
import type { Principal } from "../rules/principal.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import { isInScope } from "../rules/service-scopes.ts";
import { type OperationAt, type OperationLog, operationChannel } from "./operation-log.ts";

/** Finds operations on behalf of a principal. One that the principal may not see looks like one that does not exist. */
export class OperationAccess {
  readonly #log: OperationLog;
  readonly #rules: RuleBook;

  constructor(log: OperationLog, rules: RuleBook) {
    this.#log = log;
    this.#rules = rules;
  }

  /** Returns an operation; rejects with `not_found` if there is none. */
  async existing(operationId: string): Promise<OperationAt> {
    const operation = await this.#log.read(operationId);
    if (operation === undefined) throw notFound();
    return operation;
  }

  /** Returns an operation that the principal may see; rejects with `not_found` otherwise. */
  async seen(principal: Principal, operationId: string): Promise<OperationAt> {
    const operation = await this.existing(operationId);
    if (!this.#permits(principal, operation, "subscribe")) throw notFound();
    return operation;
  }

  /**
   * Returns an operation to which the principal may send `what`, commands or messages; rejects with `forbidden` if it may
   * only see the operation.
   */
  async commanded(
    principal: Principal,
    operationId: string,
    what: "commands" | "messages",
  ): Promise<OperationAt> {
    const operation = await this.seen(principal, operationId);
    if (this.#permits(principal, operation, "command")) return operation;
    throw new MilepostError(
      "forbidden",
      `the credential does not allow ${what} to this operation; the rule for operations must grant it`,
    );
  }

  #permits(principal: Principal, { state }: OperationAt, action: "subscribe" | "command"): boolean {
    const channel = operationChannel(state.id);
    // A service that may report on an operation or command it may also see it.
    const isSeen = action === "subscribe" && principal.kind === "service";
    if (
      isSeen &&
      (["operations", "command"] as const).some((of) => isInScope(principal, of, channel))
    )
      return true;
    const permission = permissionFor(principal, this.#rules.of(channel), action);
    return permission === "allowed" || (permission !== "refused" && owns(principal, state));
  }
}

function notFound(): MilepostError {
  return new MilepostError(
    "not_found",
    "there is no operation with this id that the credential may see",
  );
}
