import type { Clock, Random } from "@milepost/engine";
import {
  type ChunkMessage,
  ChunkReader,
  type MessageId,
  MilepostError,
  messageBounds,
  type RequestMessage,
  readExactly,
} from "@milepost/protocol";
import { orThrow } from "../input/input.ts";
import type { Principal } from "../rules/principal.ts";
import { requireService } from "../rules/service-scopes.ts";
import type { ErrorLog } from "../runtime/error-log.ts";
import type { CoreLimits } from "../runtime/limits.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import { type ChunkConnection, ChunkWriter } from "./chunk-writer.ts";
import type { MethodDefinition } from "./method.ts";
import type { MethodRegistry } from "./method-registry.ts";
import type { Method, MethodCaller, MethodServices } from "./method-services.ts";
import { methods } from "./methods.ts";
import { PendingCall, PendingRequest, type RequestHolder } from "./pending-request.ts";
import { checkedResult, perform } from "./perform.ts";

const requestIdLength = 20;
/**
 * Maximum number of unfinished requests with chunks per connection. Each may hold a window (256 KiB) of the
 * client's chunks in memory.
 */
const maxInputs = 4;
const maxOutputs = 32;

/** Connection that the answers of its requests are sent to. */
export interface RequestOwner extends ChunkConnection, MethodCaller {
  /** Answers with an error. An error that is not a MilepostError is logged with the fields of `about`. */
  refuse(id: MessageId | null, error: unknown, about?: Record<string, unknown>): void;
  /** Returns true if chunks of this request can reach the client in order with its reply. */
  carriesChunks(id: MessageId): boolean;
}

/** Parts of the node that requests use. */
export interface RequestContext extends MethodServices {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly limits: CoreLimits;
  readonly errorLog: ErrorLog;
  readonly methods: MethodRegistry;
}

/** Requests of one connection that have no answer yet. Each gets exactly one, unless the connection ends. */
export class Requests implements RequestHolder {
  readonly #owner: RequestOwner;
  readonly #context: RequestContext;
  readonly #pending = new Map<MessageId, PendingRequest>();
  /** Number of requests with chunks whose method is still running. A method may run on after its reply. */
  #inputs = 0;
  #outputs = 0;

  constructor(owner: RequestOwner, context: RequestContext) {
    this.#owner = owner;
    this.#context = context;
  }

  /** Returns true while the request has no answer. */
  has(id: MessageId): boolean {
    return this.#pending.has(id);
  }

  /**
   * Runs a request; never rejects. Resolves once its method has ended, which may be after the reply. For a
   * request or an answer in chunks, resolves once the stream has started, because streams have limits of their
   * own.
   */
  async run(principal: Principal, message: RequestMessage): Promise<void> {
    const { id, method } = message;
    const builtIn = Object.hasOwn(methods, method) ? methods[method] : undefined;
    const definition = builtIn === undefined ? this.#context.methods.find(method) : undefined;
    const work = builtIn ?? definition;
    const refusal = work === undefined ? unknownMethod() : this.#refusal(message, definition);
    if (work === undefined || refusal !== undefined) {
      this.#owner.refuse(id, refusal);
      return;
    }
    const request = new PendingRequest(id, this.#timeoutMs(message, definition), this);
    this.#pending.set(id, request);
    this.#rearm(request);
    if (message.stream !== true) await this.#execute(request, work, principal, message);
    else {
      request.input = new ChunkReader((credit) =>
        this.#owner.send({ type: "chunk", stream: id, credit }),
      );
      this.#inputs++;
      void this.#execute(request, work, principal, message).finally(() => this.#inputs--);
    }
  }

  /** Handles a chunk or a grant of credit. Ignores it if the request has been answered. */
  chunk(message: ChunkMessage): boolean {
    const request = this.#pending.get(message.stream);
    if (request === undefined) return false;
    if ("credit" in message) request.output?.grant(message.credit);
    else {
      const refused = this.#takePart(request, message);
      if (refused !== undefined) {
        this.#giveUp(request, refused);
        return false;
      }
    }
    this.#rearm(request);
    return true;
  }

  /** Answers a request with `cancelled` and stops its work; does nothing if it is answered already. */
  cancel(id: MessageId): void {
    this.fail(id, new MilepostError("cancelled", "the request was cancelled"));
  }

  /** Answers a request with an error and stops its work; does nothing if it is answered already. */
  fail(id: MessageId, error: MilepostError): void {
    const request = this.#pending.get(id);
    if (request !== undefined) this.#giveUp(request, error);
  }

  timeOut(request: PendingRequest): void {
    this.#giveUp(
      request,
      new MilepostError(
        "timed_out",
        "the request took longer than its time limit; try again, or ask for less",
      ),
    );
  }

  /** Stops the work of all requests without an answer, because the connection has ended. */
  close(): void {
    const reason = new MilepostError("cancelled", "the connection that made the request has ended");
    for (const request of [...this.#pending.values()]) {
      this.#settle(request);
      request.abort(reason, this.#context.errorLog.report);
    }
  }

  #refusal(
    { id, method, stream }: RequestMessage,
    definition: MethodDefinition | undefined,
  ): MilepostError | undefined {
    if (this.#pending.has(id)) {
      return new MilepostError(
        "bad_message",
        "this id belongs to a request that has no reply yet; use another id",
      );
    }
    if (stream !== true) return undefined;
    if (definition?.input !== true) {
      return new MilepostError("not_supported", `${method} takes no chunks; omit "stream"`);
    }
    if (!this.#owner.carriesChunks(id)) return noChunksHere();
    return this.#inputs < maxInputs ? undefined : tooManyStreams(maxInputs);
  }

  /**
   * Returns the timeout of a request, in milliseconds. A request can shorten a method's own timeout, not
   * prolong it.
   */
  #timeoutMs({ timeout_ms }: RequestMessage, definition: MethodDefinition | undefined): number {
    const { requestTimeoutMs } = this.#context.limits;
    const { timeoutMs } = definition ?? {};
    const longest = timeoutMs ?? messageBounds.timeoutMs;
    return Math.min(timeout_ms ?? timeoutMs ?? requestTimeoutMs, longest);
  }

  async #execute(
    request: PendingRequest,
    work: Method | MethodDefinition,
    principal: Principal,
    message: RequestMessage,
  ): Promise<void> {
    try {
      if (typeof work === "function") {
        const params = orThrow(readExactly(message.params, "params")) ?? {};
        this.#reply(request, await work(this.#context, principal, params, this.#owner));
        return;
      }
      const outcome = await this.#perform(request, work, principal, message);
      if (isAsyncIterable(outcome)) {
        const streamed = this.#stream(request, work, outcome, message);
        if (request.input !== undefined) await streamed;
      } else await this.#answer(request, work, outcome);
    } catch (error) {
      this.#refuse(request, error, message.method);
    }
  }

  async #perform(
    request: PendingRequest,
    definition: MethodDefinition,
    principal: Principal,
    message: RequestMessage,
  ): Promise<unknown> {
    const { clock, random } = this.#context;
    if (principal.kind === "service") requireService(principal, "methods", message.method);
    const call = new PendingCall(request, message, principal, {
      requestId: random.id(requestIdLength),
      deadline: clock.now() + request.timeoutMs,
    });
    return perform(definition, message.params, call);
  }

  /** Sends what a method yields as chunks, then its result; never rejects. */
  async #stream(
    request: PendingRequest,
    definition: MethodDefinition,
    source: AsyncIterable<unknown>,
    { method, credit }: RequestMessage,
  ): Promise<void> {
    this.#outputs++;
    try {
      const { errorLog, limits } = this.#context;
      const bounds = { maxBytes: limits.maxMessageBytes, credit };
      const writer = new ChunkWriter(request.id, source, this.#owner, bounds);
      const refusal = this.#outputRefusal(request);
      if (refusal !== undefined || !this.#isPending(request)) {
        writer.end(errorLog.report);
        if (refusal !== undefined) throw refusal;
        return;
      }
      request.output = writer;
      this.#rearm(request);
      const result = await writer.run(() => this.#rearm(request));
      await this.#answer(request, definition, result);
    } catch (error) {
      request.output?.end(this.#context.errorLog.report);
      this.#refuse(request, error, method);
    } finally {
      this.#outputs--;
    }
  }

  #outputRefusal({ id }: PendingRequest): MilepostError | undefined {
    if (!this.#owner.carriesChunks(id)) return noChunksHere();
    return this.#outputs <= maxOutputs ? undefined : tooManyStreams(maxOutputs);
  }

  #takePart(
    { input }: PendingRequest,
    message: Exclude<ChunkMessage, { credit: number }>,
  ): MilepostError | undefined {
    if (input === undefined) {
      return new MilepostError("bad_message", "this request has no input stream; set stream: true");
    }
    const data = readExactly(message.data, "data");
    if (!data.ok) return MilepostError.from(data.failure);
    const failure = input.take(
      message.data === undefined ? message : { ...message, data: data.value },
    );
    if (failure !== undefined) return MilepostError.from(failure);
    if (message.last === true) input.end({ value: undefined });
    return undefined;
  }

  async #answer(request: PendingRequest, definition: MethodDefinition, result: unknown) {
    if (!this.#isPending(request)) return;
    const { maxMessageBytes } = this.#context.limits;
    this.#reply(request, await checkedResult(definition, result, maxMessageBytes));
  }

  #reply(request: PendingRequest, result: unknown): void {
    const { id } = request;
    if (this.#settle(request)) this.#owner.send({ type: "reply", id, result });
  }

  #refuse(request: PendingRequest, error: unknown, method: string): void {
    if (this.#settle(request)) this.#owner.refuse(request.id, error, { method });
  }

  #giveUp(request: PendingRequest, reason: MilepostError): void {
    if (!this.#settle(request)) return;
    this.#owner.refuse(request.id, reason);
    request.abort(reason, this.#context.errorLog.report);
  }

  /** Restarts the timeout of a request, as every chunk does. */
  #rearm(request: PendingRequest): void {
    if (this.#isPending(request)) this.#context.wheel.set(request, request.timeoutMs);
  }

  #isPending(request: PendingRequest): boolean {
    return this.#pending.get(request.id) === request;
  }

  #settle(request: PendingRequest): boolean {
    if (!this.#isPending(request)) return false;
    this.#pending.delete(request.id);
    this.#context.wheel.clear(request);
    return true;
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

function unknownMethod(): MilepostError {
  const known = Object.keys(methods).join(", ");
  const message = `method must be one of ${known}, or one that this deployment adds`;
  return new MilepostError("unknown_method", message);
}

function noChunksHere(): MilepostError {
  return new MilepostError(
    "not_supported",
    "chunks need a WebSocket, or SSE with upstream requests to ?replies=stream",
  );
}

function tooManyStreams(limit: number): MilepostError {
  const message = `already ${limit} chunk streams in this direction; wait for one to end`;
  return new MilepostError("rate_limited", message);
}
