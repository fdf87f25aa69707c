import type { StandardSchema } from "@milepost/protocol";
import type { UserPrincipal } from "../rules/principal.ts";

/** Request of a method, as its handler sees it. */
export interface MethodCall {
  /** Name that the client requested; for a pattern, the one that matched. */
  readonly method: string;
  /** Unique id of the request. */
  readonly requestId: string;
  readonly principal: UserPrincipal;
  /** Idempotency key, the same when the client repeats the request; undefined if it sent none. */
  readonly key: string | undefined;
  /** Time at which the request times out unless a chunk restarts its timeout, in milliseconds since 1970. */
  readonly deadline: number;
  /**
   * Signal that aborts once nobody waits for the answer: the client cancelled the request, it timed out, or the
   * connection ended, for example because its token expired or the node shuts down. The reason is a
   * MilepostError.
   */
  readonly signal: AbortSignal;
  /**
   * Chunks that the client sends, if any. Credit is granted as they are read, so that no more than 256 KiB and
   * one chunk wait. Throws the signal's reason once nobody waits for the answer.
   */
  readonly input: AsyncIterable<unknown>;
}

/** Answer of a method: a result, or chunks and then a result. */
export type MethodAnswer<Result> = Result | Promise<Result> | AsyncIterable<unknown, Result>;

/** Access to a method: everyone with a credential, or those for whom the function returns true. */
export type MethodAccess =
  | "authenticated"
  | ((principal: UserPrincipal, method: string) => boolean | Promise<boolean>);

/**
 * Method that clients may request.
 *
 * A MilepostError thrown by one of its parts is sent to the client as it is. Any other error is sent as
 * `internal` and logged with the method's name.
 */
export interface MethodDefinition<Params = unknown, Result = unknown> {
  /**
   * Schema of the parameters; others are refused with `invalid_data` that names the field. Without a schema all
   * parameters are accepted.
   */
  readonly params?: StandardSchema<unknown, Params>;
  /** Schema of the result; a result that does not match counts as an error of the method. */
  readonly result?: StandardSchema<unknown, Result>;
  /** Access to the method; default `"authenticated"`. Other callers are refused with `forbidden`. */
  readonly access?: MethodAccess;
  /** True if clients may send chunks to the method; default false. */
  readonly input?: boolean;
  /**
   * Longest time the method may take, in milliseconds; a request can only shorten it. Without it, a request may
   * ask for up to 600,000, and one that asks for nothing has the node's `requestTimeoutMs`. Every chunk, to the
   * method or from it, restarts the time.
   */
  readonly timeoutMs?: number;
  /**
   * Does the work and returns JSON; undefined becomes null. An async iterable, such as an async generator, is
   * sent in chunks, each requested once the one before was taken. Its return value is the result. The handler
   * should end soon after its signal aborts: until then it counts towards the limit of what the connection may
   * have under way.
   */
  handler(params: Params, call: MethodCall): MethodAnswer<Result>;
}

/** Methods by name or by pattern: `orders.get`, `orders.*`. */
export type Methods = Readonly<Record<string, MethodDefinition>>;

/** Returns the definition unchanged, with the types of its parameters and result taken from its schemas. */
export function defineMethod<Params, Result>(
  definition: MethodDefinition<Params, Result>,
): MethodDefinition {
  // A handler only receives parameters that its own schema has accepted, so the cast is safe.
  return definition as unknown as MethodDefinition;
}
