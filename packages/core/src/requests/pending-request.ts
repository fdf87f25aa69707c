import type { ChunkReader, MessageId, MilepostError, RequestMessage } from "@milepost/protocol";
import type { Principal, UserPrincipal } from "../rules/principal.ts";
import { Deadline } from "../runtime/timer-wheel.ts";
import type { ChunkWriter } from "./chunk-writer.ts";
import type { MethodCall } from "./method.ts";

/** Owner of pending requests, which answers those that time out. */
export interface RequestHolder {
  timeOut(request: PendingRequest): void;
}

/** Request without an answer yet. The request is also the deadline of its timeout on the node's timer wheel. */
export class PendingRequest extends Deadline {
  readonly id: MessageId;
  readonly timeoutMs: number;
  /** Reader of the chunks that the client sends; undefined for a request without chunks. */
  input: ChunkReader<undefined> | undefined;
  /** Writer of the answer's chunks; undefined until the method answers in chunks. */
  output: ChunkWriter | undefined;
  readonly #holder: RequestHolder;
  #controller: AbortController | undefined;
  #ended: MilepostError | undefined;

  constructor(id: MessageId, timeoutMs: number, holder: RequestHolder) {
    super();
    this.id = id;
    this.timeoutMs = timeoutMs;
    this.#holder = holder;
  }

  /** Signal of the request, made on first use: most methods never read it. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#ended !== undefined) this.#controller.abort(this.#ended);
    }
    return this.#controller.signal;
  }

  /**
   * Aborts the method's signal and its chunk streams, because nobody waits for the answer any more. An error of
   * the chunk source while it closes is passed to `onError`.
   */
  abort(reason: MilepostError, onError: (error: unknown) => void): void {
    this.#ended ??= reason;
    this.#controller?.abort(reason);
    this.input?.fail(reason);
    this.output?.end(onError);
  }

  override onDue(): void {
    this.#holder.timeOut(this);
  }
}

/** View of a pending request for its method. */
export class PendingCall implements MethodCall {
  readonly method: string;
  readonly requestId: string;
  readonly principal: UserPrincipal;
  readonly service: string | undefined;
  readonly key: string | undefined;
  readonly deadline: number;
  readonly #request: PendingRequest;

  constructor(
    request: PendingRequest,
    { method, key }: RequestMessage,
    principal: Principal,
    { requestId, deadline }: Pick<MethodCall, "requestId" | "deadline">,
  ) {
    this.#request = request;
    this.method = method;
    this.key = key;
    this.principal = principal.kind === "service" ? nobody : principal;
    this.service = principal.kind === "service" ? principal.name : undefined;
    this.requestId = requestId;
    this.deadline = deadline;
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }

  get input(): AsyncIterable<unknown> {
    return this.#request.input ?? noChunks;
  }
}

/** Principal of the calls of services, who are no user. */
const nobody: UserPrincipal = {
  kind: "user",
  user: undefined,
  session: undefined,
  grants: { subscribe: [], publish: [] },
  expiresAt: undefined,
};

const noChunks: AsyncIterable<unknown> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
};
