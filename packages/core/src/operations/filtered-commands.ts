import type { OperationIndex, OperationQuery } from "@milepost/engine";
import {
  type ApiFailure,
  type CommandFilter,
  type CommandResult,
  commandAllowedIn,
  isBuiltInCommand,
  isFinal,
  operationStatuses,
  type RequestCommand,
  type RequestCommands,
  type RequestedCommand,
  type RequestedCommands,
} from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import type { Principal } from "../rules/principal.ts";
import { requireService } from "../rules/service-scopes.ts";
import { listFor } from "./list-operations.ts";

/** Number of operations to which a command is sent at the same time. */
const together = 8;

/** Parts of the node that {@link FilteredCommands} uses. */
export interface FilteredCommandContext {
  readonly index: OperationIndex;
  /** Sends a command to one operation. */
  readonly command: (
    principal: Principal,
    operationId: string,
    request: RequestCommand,
  ) => Promise<RequestedCommand>;
  readonly failureOf: (error: unknown) => ApiFailure;
}

/** Sends one command to all operations of a filter, a page at a time. Each is asked as if it were the only one. */
export class FilteredCommands {
  readonly #context: FilteredCommandContext;

  constructor(context: FilteredCommandContext) {
    this.#context = context;
  }

  /**
   * Sends the command to the operations that the filter names, or to a page of those that it finds, the newest first. What one
   * operation refuses is in its result. Rejects with `bad_message` or `forbidden` before anything is sent.
   */
  async request(
    principal: Principal,
    { filter, limit = 100, after, ...request }: RequestCommands,
  ): Promise<RequestedCommands> {
    const { operation_ids: named, ...conditions } = filter;
    if (named !== undefined) return { results: await this.#sendAll(principal, named, request) };
    if (conditions.mine === true && principal.kind === "service") {
      throw new MilepostError("bad_message", "filter.mine is for users; name kind, tag or user");
    }
    const query = queryOf(conditions, request.command, after);
    // One more than the page shows whether another page follows.
    const found = await this.#list(principal, { ...query, limit: limit + 1 });
    const page = found.slice(0, limit);
    const ids = page.map(({ summary }) => summary.operation_id);
    const sent = await this.#sendAll(principal, ids, request);
    // The caller must not learn of operations that its credential may not command.
    const results = sent.filter(
      (result) => !("error" in result && ["not_found", "forbidden"].includes(result.error.code)),
    );
    const last = page.at(-1)?.summary;
    if (found.length <= limit || last === undefined) return { results };
    return { results, next: `${last.created_at}:${last.operation_id}` };
  }

  #list(principal: Principal, query: OperationQuery) {
    const { index } = this.#context;
    if (principal.kind === "user") return listFor(principal, query, index);
    requireService(principal, "command");
    return index.list(query);
  }

  async #sendAll(
    principal: Principal,
    ids: readonly string[],
    request: RequestCommand,
  ): Promise<CommandResult[]> {
    const results: CommandResult[] = [];
    for (let at = 0; at < ids.length; at += together) {
      const some = ids.slice(at, at + together);
      results.push(...(await Promise.all(some.map((id) => this.#send(principal, id, request)))));
    }
    return results;
  }

  async #send(principal: Principal, id: string, request: RequestCommand): Promise<CommandResult> {
    try {
      return { operation_id: id, ...(await this.#context.command(principal, id, request)) };
    } catch (error) {
      return { operation_id: id, error: this.#context.failureOf(error) };
    }
  }
}

function queryOf(
  { mine: _, ...conditions }: Omit<CommandFilter, "operation_ids">,
  command: string,
  after: string | undefined,
): Omit<OperationQuery, "limit"> {
  const statuses = isBuiltInCommand(command)
    ? commandAllowedIn[command]
    : operationStatuses.filter((status) => !isFinal(status));
  if (after === undefined) return { ...conditions, statuses };
  const [, createdAt, id] = /^(\d{1,16}):([^:]+)$/.exec(after) ?? [];
  if (createdAt === undefined || id === undefined) {
    throw new MilepostError("bad_message", "after must be the next of the page before");
  }
  return { ...conditions, statuses, before: { createdAt: Number(createdAt), id } };
}
