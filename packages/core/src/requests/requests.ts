import {
  type MessageId,
  MilepostError,
  messageBounds,
  type RequestMessage,
  type ServerMessage,
} from "@milepost/protocol";
import type { NodeContext } from "../node-context.ts";
import type { UserPrincipal } from "../principal.ts";
import type { MethodDefinition } from "./method.ts";
import { methods } from "./methods.ts";
import { PendingCall, PendingRequest, type RequestHolder } from "./pending-request.ts";
import { perform } from "./perform.ts";

const requestIdLength = 20;

/** Where answers go. */
export interface RequestOwner {
  send(message: ServerMessage): void;
  /** Answers with an error; `about` goes to the log beside a fault. */
  refuse(id: MessageId | null, error: unknown, about?: Record<string, unknown>): void;
}

/** The requests of one connection that have no answer yet; each gets exactly one. */
export class Requests implements RequestHolder {
  readonly #owner: RequestOwner;
  readonly #context: NodeContext;
  readonly #pending = new Map<MessageId, PendingRequest>();

  constructor(owner: RequestOwner, context: NodeContext) {
    this.#owner = owner;
    this.#context = context;
  }

  /** Whether the request has no answer yet. */
  has(id: MessageId): boolean {
    return this.#pending.has(id);
  }

  /** Runs a request to its end, whoever still waits for it then; never rejects. */
  async run(principal: UserPrincipal, message: RequestMessage): Promise<void> {
    const { id, method, params = {} } = message;
    const builtIn = Object.hasOwn(methods, method) ? methods[method] : undefined;
    const definition = builtIn === undefined ? this.#context.methods.find(method) : undefined;
    if (builtIn === undefined && definition === undefined) {
      const known = Object.keys(methods).join(", ");
      const error = `method must be one of ${known}, or one that this deployment adds`;
      this.#owner.refuse(id, new MilepostError("unknown_method", error));
      return;
    }
    if (this.#pending.has(id)) {
      const error = "id is that of a request without an answer yet";
      this.#owner.refuse(id, new MilepostError("bad_message", error));
      return;
    }
    const request = new PendingRequest(id, this);
    this.#pending.set(id, request);
    const timeoutMs = this.#timeoutMs(message, definition);
    this.#context.wheel.set(request, timeoutMs);
    try {
      const result =
        definition === undefined
          ? await builtIn?.(this.#context, principal, params)
          : await this.#perform(request, definition, principal, message, timeoutMs);
      if (this.#settle(request)) this.#owner.send({ type: "reply", id, result });
    } catch (error) {
      if (this.#settle(request)) this.#owner.refuse(id, error, { method });
    }
  }

  /** Answers a request `cancelled`; one that was answered already stays so. */
  cancel(id: MessageId): void {
    const request = this.#pending.get(id);
    if (request !== undefined) {
      this.#giveUp(request, new MilepostError("cancelled", "the request was given up"));
    }
  }

  timeOut(request: PendingRequest): void {
    this.#giveUp(request, new MilepostError("timed_out", "the request took too long"));
  }

  /** The connection ended: nobody waits for any of them. */
  close(): void {
    const reason = new MilepostError("cancelled", "the connection of the request ended");
    for (const request of [...this.#pending.values()]) {
      this.#settle(request);
      request.abort(reason);
    }
  }

  /** A request can shorten what a method may take, not prolong it. */
  #timeoutMs({ timeout_ms }: RequestMessage, definition: MethodDefinition | undefined): number {
    const { requestTimeoutMs } = this.#context.limits;
    const { timeoutMs } = definition ?? {};
    const longest = timeoutMs ?? messageBounds.timeoutMs;
    return Math.min(timeout_ms ?? timeoutMs ?? requestTimeoutMs, longest);
  }

  #perform(
    request: PendingRequest,
    definition: MethodDefinition,
    principal: UserPrincipal,
    message: RequestMessage,
    timeoutMs: number,
  ): Promise<unknown> {
    const { clock, random, limits } = this.#context;
    const call = new PendingCall(request, message, principal, {
      requestId: random.id(requestIdLength),
      deadline: clock.now() + timeoutMs,
    });
    return perform(definition, message.params ?? {}, call, limits.maxMessageBytes);
  }

  #giveUp(request: PendingRequest, reason: MilepostError): void {
    if (!this.#settle(request)) return;
    this.#owner.refuse(request.id, reason);
    request.abort(reason);
  }

  #settle(request: PendingRequest): boolean {
    if (this.#pending.get(request.id) !== request) return false;
    this.#pending.delete(request.id);
    this.#context.wheel.clear(request);
    return true;
  }
}
