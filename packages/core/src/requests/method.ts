import type { StandardSchema } from "@milepost/protocol";
import type { UserPrincipal } from "../rules/principal.ts";

/** Request of a method, as its handler sees it. */
export interface MethodCall {
  /** Name of the method that the client requested, even if the definition is for a pattern. */
  readonly method: string;
  /** Unique id of the request. */
  readonly requestId: string;
  /** User who calls; one without a user and a session if a service calls. */
  readonly principal: UserPrincipal;
  /** Name of the service that calls; undefined for a user. */
  readonly service?: string | undefined;
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
   * Chunks that the client sends; empty for a request without chunks. The client receives credit as the handler
   * reads them, so that at most 256 KiB and one chunk wait. Iteration throws the signal's reason if the signal
   * aborts before the client has sent its last chunk.
   */
  readonly input: AsyncIterable<unknown>;
}

/** Answer of a method: a result, or chunks and then a result. */
export type MethodAnswer<Result> = Result | Promise<Result> | AsyncIterable<unknown, Result>;

/**
 * Access to a method: everyone with a credential except guests, everyone with guests, or those for whom the function
 * returns true. It is for users; a service may call the methods that the scopes of its API key allow.
 */
export type MethodAccess =
  | "authenticated"
  | "anyone"
  | ((principal: UserPrincipal, method: string) => boolean | Promise<boolean>);

/**
 * Method that clients may request.
 *
 * A MilepostError that its `access` or `handler` throws is sent to the client unchanged. Any other error is
 * sent as `internal` and logged with the method's name.
 */
export interface MethodDefinition<Params = unknown, Result = unknown> {
  /**
   * Schema of the parameters. Parameters that do not match are refused with `invalid_data`, which names the
   * field. Without a schema all parameters are accepted.
   */
  readonly params?: StandardSchema<unknown, Params>;
  /** Schema of the result; a result that does not match counts as an error of the method. */
  readonly result?: StandardSchema<unknown, Result>;
  /** Access to the method; default `"authenticated"`. Other callers are refused with `forbidden`. */
  readonly access?: MethodAccess;
  /**
   * True if the handler takes parameters as the client wrote them: as a `JsonText`, unless the method has a schema
   * for them. It may return a `JsonText` as well. Default false: the handler takes values, and parameters that
   * JavaScript would change are refused with `bad_message`.
   */
  readonly carriesText?: boolean;
  /** True if clients may send chunks to the method; default false. */
  readonly input?: boolean;
  /**
   * Timeout of the method, in milliseconds; a request can only shorten it. Without it, a request may set
   * `timeout_ms` up to 600,000, and a request without `timeout_ms` has the node's `requestTimeoutMs`. Every
   * chunk, in either direction, restarts the timeout.
   */
  readonly timeoutMs?: number;
  /**
   * Does the work and returns JSON; undefined becomes null. An async iterable, such as an async generator, is
   * sent in chunks: each item is requested once the one before was sent. The return value of the iterable is
   * the result. The handler should end soon after its signal aborts. Until then its request counts towards the
   * connection's limits of unfinished requests.
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
