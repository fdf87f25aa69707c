import type {
  AskedQuestion,
  ClaimedTicket,
  CommandResult,
  CommandSource,
  CreatedOperation,
  OperationLease,
  PendingCommand,
  PendingInput,
  ProducerGateway,
  Question,
  QueueGateway,
  ReportResult,
  RequestCommands,
  SteeringGateway,
} from "@milepost/model";
import {
  isRecord,
  leaseHolderIn,
  MilepostError,
  readRefusal,
  type SigningKey,
  StaleLeaseError,
  signatureHeader,
  signPublication,
  signRequest,
} from "@milepost/protocol";
import type { Publish } from "./answer.ts";
import { type Clock, systemClock } from "./clock.ts";
import { withDeadline } from "./deadline.ts";
import { ForeignAnswer } from "./foreign-answer.ts";

/** Options of {@link httpGateway}. */
export interface HttpGatewayOptions {
  /**
   * Address of the gateway, for example `https://push.example.com`. If the address has a path, the client puts
   * that path in front of `/v1`.
   */
  readonly url: string | URL;
  /** API key that is allowed to report operations. The client sends it only in the `Authorization` header. */
  readonly apiKey: string;
  readonly fetch?: typeof globalThis.fetch;
  /**
   * Maximum time for a call, in milliseconds, in addition to the wait that the call itself requests. Default:
   * 10,000.
   */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
  /**
   * Returns further headers of each request, for example `traceHeaders` of `@milepost/producer/opentelemetry`. Headers of
   * the client itself win. If the function throws, the request has none.
   */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** Signs every request that may change something; by default nothing is signed. */
  readonly signing?: GatewaySigning;
}

/** Signing of the requests of a {@link HttpGateway}. */
export interface GatewaySigning {
  /**
   * Secret to sign with, one of the API key's signing keys. A function is asked for each request, so that a secret
   * can be rotated without a restart.
   */
  readonly key: SigningKey | (() => SigningKey | Promise<SigningKey>);
  /** True if each publication also carries a signature that readers can verify; default false. */
  readonly publications?: boolean;
}

/** Calls that a backend can make to a gateway over HTTP. */
export interface HttpGateway extends ProducerGateway, QueueGateway, SteeringGateway {
  /** Publishes to a channel. The API key must be allowed to publish to that channel. */
  readonly publish: Publish;
  /**
   * Sends one command to all operations of a filter, page by page, and yields what became of each: the command, or why that
   * operation refused it. The API key needs the scope `command` for all operations.
   *
   * The next page is asked for when its first result is. Rejects at a page that fails. With a `key`, doing all of it again
   * sends no operation a second command.
   */
  commandAll(
    input: Omit<RequestCommands, "limit" | "after">,
    signal?: AbortSignal,
  ): AsyncGenerator<CommandResult, void, undefined>;
}

/**
 * Creates a {@link HttpGateway}. Throws if `url` is not a valid URL or `apiKey` is missing.
 *
 * A call that fails rejects with a `MilepostError`. Its code is `bad_message` if the data cannot be written as
 * JSON. Otherwise it is that of the problem document, `timed_out`, or
 * `cancelled` if the caller's signal aborts. It is `store_unavailable` (retryable) if the gateway cannot be
 * reached. If the response does not come from a gateway, for instance from a proxy during an outage, it is
 * `too_large` for the status 413, `rate_limited` (retryable) for 429, and `internal` (retryable) otherwise.
 */
export function httpGateway(options: HttpGatewayOptions): HttpGateway {
  const { apiKey, signing, timeoutMs = 10_000, clock = systemClock } = options;
  const { fetch = globalThis.fetch } = options;
  const base = baseUrl(options.url);
  if (typeof apiKey !== "string" || apiKey === "") {
    throw new TypeError("apiKey is missing; is its environment variable set?");
  }

  async function call(
    method: "GET" | "POST",
    path: string,
    body: unknown,
    signal: AbortSignal | undefined,
    waitMs = 0,
  ): Promise<Record<string, unknown>> {
    const text = body === undefined ? undefined : jsonOf(body);
    return withDeadline(
      clock,
      waitMs + timeoutMs,
      async (each) => {
        try {
          const url = new URL(path, base);
          const target = `${url.pathname.slice(base.pathname.length - 1)}${url.search}`;
          const signature =
            signing === undefined || method === "GET"
              ? undefined
              : await signed(signing, (key) =>
                  signRequest(key, { method, target, body: text ?? "" }),
                );
          const response = await fetch(url, {
            method,
            signal: each,
            headers: {
              ...further(options.headers),
              authorization: `Bearer ${apiKey}`,
              accept: "application/json",
              ...(text === undefined ? {} : { "content-type": "application/json" }),
              ...(signature === undefined ? {} : { [signatureHeader]: signature }),
            },
            ...(text === undefined ? {} : { body: text }),
          });
          return await readAnswer(response);
        } catch (cause) {
          if (cause instanceof MilepostError) throw cause;
          throw new MilepostError(
            "store_unavailable",
            `the gateway at ${base.origin} cannot be reached: ${causeOf(cause)}`,
            { cause },
          );
        }
      },
      signal,
    );
  }

  /**
   * Runs a call, and once more, signed anew, if its signature was refused. A proxy may have sent the request twice, or
   * the key may just have been rotated.
   */
  async function resigned<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      const isRefused = error instanceof MilepostError && error.code === "bad_signature";
      if (signing === undefined || !isRefused) throw error;
      return run();
    }
  }

  function post(path: string, body: unknown, signal?: AbortSignal) {
    return resigned(() => call("POST", path, body, signal));
  }

  return {
    async publish(channel, event, data, { key }) {
      const answer = await resigned(async () => {
        const sig =
          signing?.publications === true
            ? await signed(signing, (by) => signPublication(by, { channel, event, data, key }))
            : undefined;
        return call("POST", "v1/publish", { channel, event, data, key, sig }, undefined);
      });
      if (!Array.isArray(answer.results)) throw notAGateway("POST /v1/publish");
      return answer.results[0];
    },
    async *commandAll(input, signal) {
      let after: string | undefined;
      do {
        const page = after === undefined ? input : { ...input, after };
        const answer = await post("v1/operations/commands", page, signal);
        if (!Array.isArray(answer.results)) throw notAGateway("POST /v1/operations/commands");
        yield* answer.results as CommandResult[];
        after = typeof answer.next === "string" ? answer.next : undefined;
      } while (after !== undefined);
    },
    async create(input, signal) {
      const answer = await post("v1/operations", input, signal);
      if (!isRecord(answer.operation) || !isLease(answer.lease))
        throw notAGateway("POST /v1/operations");
      return answer as unknown as CreatedOperation;
    },
    async report(operationId, input, signal) {
      const path = `v1/operations/${encodeURIComponent(operationId)}/events`;
      const answer = await post(path, input, signal);
      if (!Array.isArray(answer.results)) throw notAGateway("POST …/events");
      return answer.results as ReportResult[];
    },
    async takeOver(operationId, leaseMs, signal, worker) {
      const path = `v1/operations/${encodeURIComponent(operationId)}/lease`;
      const input = {
        ...(leaseMs !== undefined && { lease_ms: leaseMs }),
        ...(worker !== undefined && { worker }),
      };
      const answer = await post(path, input, signal);
      const lease = isLease(answer.lease) ? answer.lease : answer;
      if (!isLease(lease)) throw notAGateway("POST …/lease");
      return lease;
    },
    async claimTicket(queue, input, waitMs, signal) {
      const path = `v1/queues/${encodeURIComponent(queue)}/claim?wait=${Math.floor(waitMs / 1_000)}`;
      const answer = await resigned(() => call("POST", path, input, signal, waitMs));
      if (answer === nothing) return undefined;
      if (!isRecord(answer.lease)) throw notAGateway("POST …/claim");
      return answer as unknown as ClaimedTicket;
    },
    extendTicket: (queue, ticket, input, signal) =>
      post(ticketPath(queue, ticket, "extend"), input, signal),
    finishTicket: (queue, ticket, input, signal) =>
      post(ticketPath(queue, ticket, "finish"), input, signal),
    failTicket: (queue, ticket, input, signal) =>
      post(ticketPath(queue, ticket, "fail"), input, signal),
    async pendingCommands(source, waitMs, signal) {
      const answer = await call("GET", commandsPath(source, waitMs), undefined, signal, waitMs);
      if (!Array.isArray(answer.commands)) throw notAGateway("GET …/commands");
      return answer.commands as PendingCommand[];
    },
    async pendingInputs(operationId, after, waitMs, signal) {
      const wait = Math.floor(waitMs / 1_000);
      const path = `${operationPath(operationId)}/inputs?wait=${wait}&after=${after}`;
      const answer = await call("GET", path, undefined, signal, waitMs);
      if (!Array.isArray(answer.inputs)) throw notAGateway("GET …/inputs");
      return answer.inputs as PendingInput[];
    },
    async ask(operationId, input, signal) {
      const answer = await post(`${operationPath(operationId)}/questions`, input, signal);
      if (!isRecord(answer.question)) throw notAGateway("POST …/questions");
      return answer as unknown as AskedQuestion;
    },
    async question(operationId, questionId, waitMs, signal) {
      const wait = Math.floor(waitMs / 1_000);
      const id = encodeURIComponent(questionId);
      const path = `${operationPath(operationId)}/questions/${id}?wait=${wait}`;
      const answer = await call("GET", path, undefined, signal, waitMs);
      if (typeof answer.status !== "string") throw notAGateway("GET …/questions/{qid}");
      return answer as unknown as Question;
    },
  };
}

/** Returns the caller's headers under names in lower case, so that none repeats one of the client itself. */
function further(headers: HttpGatewayOptions["headers"]): Record<string, string> {
  if (headers === undefined) return {};
  try {
    return Object.fromEntries(
      Object.entries(headers()).map(([name, value]) => [name.toLowerCase(), value]),
    );
  } catch {
    return {};
  }
}

/** Signs with the present key. A key that cannot be had or used is no fault of the network. */
async function signed(
  { key }: GatewaySigning,
  sign: (key: SigningKey) => Promise<string>,
): Promise<string> {
  try {
    return await sign(typeof key === "function" ? await key() : key);
  } catch (cause) {
    throw new MilepostError("bad_signature", `cannot sign: ${causeOf(cause)}`, { cause });
  }
}

/** Returns a body as JSON text. What cannot be written is no fault of the network, so a retry cannot help. */
function jsonOf(body: unknown): string {
  try {
    return JSON.stringify(body);
  } catch (cause) {
    const message = `the body cannot be written as JSON: ${causeOf(cause)}`;
    throw new MilepostError("bad_message", message, { cause });
  }
}

function baseUrl(url: string | URL): URL {
  const base = new URL(url);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}

/** Answer without a body. */
const nothing: Record<string, unknown> = {};

function ticketPath(queue: string, ticket: string, step: "extend" | "finish" | "fail"): string {
  return `v1/queues/${encodeURIComponent(queue)}/tickets/${encodeURIComponent(ticket)}/${step}`;
}

function operationPath(operationId: string): string {
  return `v1/operations/${encodeURIComponent(operationId)}`;
}

function commandsPath(source: CommandSource, waitMs: number): string {
  const wait = Math.floor(waitMs / 1000);
  if ("operation" in source) {
    return `v1/operations/${encodeURIComponent(source.operation)}/commands?wait=${wait}`;
  }
  return `v1/commands?producer=${encodeURIComponent(source.producer)}&wait=${wait}`;
}

/**
 * Returns the JSON body of a response of the gateway. Throws the gateway's error, or a {@link ForeignAnswer} if
 * something in between answered. A page in HTML is no success, whatever its status.
 */
async function readAnswer(response: Response): Promise<Record<string, unknown>> {
  if (!response.ok) {
    const { failure, isOfGateway, body } = await readRefusal(response);
    const error =
      failure.code === "stale_lease"
        ? new StaleLeaseError(failure.message, leaseHolderIn(body))
        : MilepostError.from(failure);
    // After a redirect it is the answer to another request, even if the gateway gave it.
    if (response.redirected) throw notAGateway(`status ${response.status} after a redirect`, 302);
    throw isOfGateway ? error : new ForeignAnswer(error, response.status);
  }
  if (response.status === 204) return nothing;
  const isPage = /\bx?html\b/i.test(response.headers.get("content-type") ?? "");
  if (isPage) await response.body?.cancel();
  const body: unknown = isPage ? undefined : parsedOr(await response.text());
  if (isRecord(body)) return body;
  throw notAGateway(`status ${response.status}`, response.status);
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function notAGateway(what: string, status = 200): MilepostError {
  const says = `the response (${what}) does not come from a Milepost gateway; check the url and any proxy`;
  return new ForeignAnswer(new MilepostError("internal", says), status);
}

function isLease(value: unknown): value is OperationLease {
  return isRecord(value) && typeof value.token === "string" && typeof value.ttl_ms === "number";
}

function causeOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
  if (isRecord(cause) && typeof cause.code === "string") return cause.code;
  return cause instanceof Error ? cause.message : String(cause);
}
