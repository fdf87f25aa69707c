import type { StandardSchema } from "@milepost/protocol";
import type { UserPrincipal } from "../rules/principal.ts";

/** One request of a method, as its handler sees it. */
export interface MethodCall {
  /** The name that was asked for: with a pattern, which of those it matches. */
  readonly method: string;
  /** Unique to the request. */
  readonly requestId: string;
  readonly principal: UserPrincipal;
  /** What the client calls it by, so that asking again is asking once; undefined where it said nothing. */
  readonly key: string | undefined;
  /** When nobody waits for the answer any more, in milliseconds since 1970. */
  readonly deadline: number;
  /**
   * Aborts when nobody waits for the answer any more: the client gave the request up, the time is over, or the
   * connection or its token ended, also because the node goes away. The reason is a MilepostError.
   */
  readonly signal: AbortSignal;
  /**
   * The chunks that the client sends, where it sends any: each is asked for as this is read, so that no more than
   * 256 KiB and one chunk wait. Throws the signal's reason when nobody waits for the answer any more.
   */
  readonly input: AsyncIterable<unknown>;
}

/** What a method answers: a result, or chunks and then a result. */
export type MethodAnswer<Result> = Result | Promise<Result> | AsyncIterable<unknown, Result>;

/** Who may call a method: everyone with a credential, or whom the function says. */
export type MethodAccess =
  | "authenticated"
  | ((principal: UserPrincipal, method: string) => boolean | Promise<boolean>);

/**
 * A method that clients may request.
 *
 * A MilepostError that its parts throw is answered as it is; any other fault is `internal` to the client and told
 * to the log with the method's name.
 */
export interface MethodDefinition<Params = unknown, Result = unknown> {
  /** What the parameters must be: others are `invalid_data` that names the field. Absent takes anything. */
  readonly params?: StandardSchema<unknown, Params>;
  /** What the result must be; another is a fault of the method. */
  readonly result?: StandardSchema<unknown, Result>;
  /** Default `"authenticated"`; whoever may not is `forbidden`. */
  readonly access?: MethodAccess;
  /** Whether clients may send it chunks; default false. */
  readonly input?: boolean;
  /**
   * How long it may take at most, whatever a request asks for, in milliseconds; default the node's own time. Every
   * chunk, to it or from it, begins the time anew.
   */
  readonly timeoutMs?: number;
  /**
   * Does the work and answers JSON; undefined is null. What is an async iterable, as async generators are, is sent
   * in chunks, each asked for when the one before was taken, and what it returns is the result. It should end soon after its signal aborts: until then it
   * counts as one of what the connection may have under way.
   */
  handler(params: Params, call: MethodCall): MethodAnswer<Result>;
}

/** Methods by name, or by the beginning of a name: `orders.get`, `orders.*`. */
export type Methods = Readonly<Record<string, MethodDefinition>>;

/** The definition as it is, with the types of its parameters and result taken from its schemas. */
export function defineMethod<Params, Result>(
  definition: MethodDefinition<Params, Result>,
): MethodDefinition {
  // A handler is only ever given what its own schema has accepted.
  return definition as unknown as MethodDefinition;
}
