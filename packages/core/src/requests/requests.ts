import {
  failure,
  type MessageId,
  MilepostError,
  type RequestMessage,
  type ServerMessage,
} from "@milepost/protocol";
import type { NodeContext } from "../node-context.ts";
import type { UserPrincipal } from "../principal.ts";
import { Deadline } from "../timer-wheel.ts";
import { methods } from "./methods.ts";

/** Where answers go. */
export interface RequestOwner {
  send(message: ServerMessage): void;
  refuse(id: MessageId | null, error: unknown): void;
}

/** The requests of one connection that have no answer yet; each gets exactly one. */
export class Requests {
  readonly #owner: RequestOwner;
  readonly #context: NodeContext;
  readonly #pending = new Map<MessageId, PendingRequest>();

  constructor(owner: RequestOwner, context: NodeContext) {
    this.#owner = owner;
    this.#context = context;
  }

  /** Runs a request to its end, whoever still waits for it then; never rejects. */
  async run(principal: UserPrincipal, message: RequestMessage): Promise<void> {
    const { id, method, params, timeout_ms } = message;
    const handler = Object.hasOwn(methods, method) ? methods[method] : undefined;
    if (handler === undefined) {
      const known = Object.keys(methods).join(", ");
      this.#owner.refuse(id, new MilepostError("unknown_method", `method must be one of ${known}`));
      return;
    }
    if (this.#pending.has(id)) {
      const error = new MilepostError(
        "bad_message",
        "id is that of a request without an answer yet",
      );
      this.#owner.refuse(id, error);
      return;
    }
    const request = new PendingRequest(() => this.#timeOut(id));
    this.#pending.set(id, request);
    this.#context.wheel.set(request, timeout_ms ?? this.#context.limits.requestTimeoutMs);
    try {
      const result = await handler(this.#context, principal, params ?? {});
      if (this.#settle(id, request)) this.#owner.send({ type: "reply", id, result });
    } catch (error) {
      if (this.#settle(id, request)) this.#owner.refuse(id, error);
    }
  }

  /** Answers a request `cancelled`; one that was answered already stays so. */
  cancel(id: MessageId): void {
    const request = this.#pending.get(id);
    if (request === undefined || !this.#settle(id, request)) return;
    const error = failure("cancelled", "the request was given up");
    this.#owner.send({ type: "reply", id, error });
  }

  close(): void {
    for (const request of this.#pending.values()) this.#context.wheel.clear(request);
    this.#pending.clear();
  }

  #timeOut(id: MessageId): void {
    this.#pending.delete(id);
    this.#owner.refuse(id, new MilepostError("timed_out", "the request took too long"));
  }

  #settle(id: MessageId, request: PendingRequest): boolean {
    if (this.#pending.get(id) !== request) return false;
    this.#pending.delete(id);
    this.#context.wheel.clear(request);
    return true;
  }
}

class PendingRequest extends Deadline {
  readonly #timeOut: () => void;

  constructor(timeOut: () => void) {
    super();
    this.#timeOut = timeOut;
  }

  override onDue(): void {
    this.#timeOut();
  }
}
