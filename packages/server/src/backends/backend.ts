import { createHash } from "node:crypto";
import type { CoreLog, MethodCall, MethodDefinition } from "@milepost/core";
import type { Clock, Random } from "@milepost/engine";
import { MilepostError, ndjsonType, signatureHeader, writeJson } from "@milepost/protocol";
import {
  type BreakerOptions,
  type BreakerState,
  CircuitBreaker,
  type Permit,
} from "./circuit-breaker.ts";
import { Exchange, type Posted, type Posting, TooLargeAnswer } from "./exchange.ts";
import { readerOf } from "./piece-reader.ts";
import { resultOf } from "./reading.ts";
import { minBackendSecretBytes, signatureOf } from "./signature.ts";
import { StreamedAnswer } from "./streamed-answer.ts";

/** Settings of one backend that answers methods over HTTP. */
export interface BackendOptions {
  /** Address that receives the requests as POST; `http:` or `https:`, without credentials. */
  readonly url: string;
  /** Secret that signs the requests; at least 32 bytes. */
  readonly secret: string;
  /** Timeout of one request, or between two pieces of its answer, in milliseconds; default 10,000. */
  readonly timeoutMs?: number;
  /**
   * Maximum number of requests in flight from this node, answers in pieces until their end included; further ones fail at once as `unavailable`. Default
   * 64.
   */
  readonly maxConcurrent?: number;
  /** Maximum size of an answer, or of each piece of one that arrives in pieces, in bytes; default 1 MiB. */
  readonly maxAnswerBytes?: number;
  readonly breaker?: BreakerOptions;
}

/** Current state of one backend, for health and statistics. */
export interface BackendStats {
  /** Method name or pattern that the backend answers, as configured. */
  readonly methods: string;
  readonly state: BreakerState;
  readonly inFlight: number;
}

/** Services that a backend needs: clock, randomness and log. */
export interface BackendParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: CoreLog;
}

const defaultTimeoutMs = 10_000;
const defaultMaxConcurrent = 64;
const defaultMaxAnswerBytes = 1_048_576;
const busyRetryMs = 1_000;
const streamsAccepted = `application/json, ${ndjsonType};q=0.9, text/event-stream;q=0.9`;

/** Forwards the requests of some methods to one address, guarded by a circuit breaker. */
export class Backend {
  readonly definition: MethodDefinition;
  readonly #methods: string;
  readonly #secret: string;
  readonly #timeoutMs: number;
  readonly #maxConcurrent: number;
  readonly #maxAnswerBytes: number;
  readonly #parts: BackendParts;
  readonly #breaker: CircuitBreaker;
  readonly #exchange: Exchange;
  #inFlight = 0;

  /** Creates the backend; throws `bad_message` with the name of the methods when the options are invalid. */
  constructor(methods: string, options: BackendOptions, parts: BackendParts) {
    const { secret, breaker = {}, timeoutMs = defaultTimeoutMs } = options;
    const { maxConcurrent = defaultMaxConcurrent } = options;
    const { maxAnswerBytes: maxBytes = defaultMaxAnswerBytes } = options;
    const url = readUrl(methods, options.url);
    if (typeof secret !== "string" || secret === "") {
      refuse(methods, "the secret is missing; is its environment variable set?");
    }
    if (Buffer.byteLength(secret) < minBackendSecretBytes) {
      refuse(methods, `the secret must have at least ${minBackendSecretBytes} bytes`);
    }
    this.#methods = methods;
    this.#secret = secret;
    this.#timeoutMs = timeoutMs;
    this.#maxConcurrent = maxConcurrent;
    this.#parts = parts;
    this.#breaker = new CircuitBreaker(breaker, parts.clock, parts.random);
    this.#maxAnswerBytes = maxBytes;
    this.#exchange = new Exchange(url, { maxBytes, maxSockets: maxConcurrent });
    this.definition = {
      timeoutMs,
      carriesText: true,
      handler: (params, call) => this.#answer(params, call),
    };
  }

  get stats(): BackendStats {
    return { methods: this.#methods, state: this.#breaker.state, inFlight: this.#inFlight };
  }

  close(): void {
    this.#exchange.close();
  }

  async #answer(params: unknown, call: MethodCall): Promise<unknown> {
    const answer = await this.#post(params, call, true);
    return answer instanceof StreamedAnswer ? answer : resultOf(answer, call.method);
  }

  /**
   * Posts a request through the circuit breaker, and resolves with the answer, whatever its status. Every answer with a
   * status below 500 counts as a success. Rejects with `unavailable` if there is no answer.
   */
  async post(params: unknown, call: MethodCall): Promise<Posting> {
    return (await this.#post(params, call, false)) as Posting;
  }

  async #post(
    params: unknown,
    call: MethodCall,
    streams: boolean,
  ): Promise<Posting | StreamedAnswer> {
    if (this.#inFlight >= this.#maxConcurrent) {
      throw new MilepostError(
        "unavailable",
        `too many requests for ${call.method} are in flight on this node; try again later`,
        {
          retryAfterMs: busyRetryMs,
        },
      );
    }
    const posted = this.#posted(params, call, streams);
    const retryAfterMs = Math.ceil(this.#breaker.retryAfterMs);
    const permit = this.#breaker.take();
    if (permit === undefined) {
      const message = `the backend of ${call.method} is failing; try again later`;
      throw new MilepostError("unavailable", message, { retryAfterMs });
    }
    const startedAt = this.#parts.clock.monotonic();
    this.#inFlight++;
    let isStreaming = false;
    try {
      const posting = await this.#exchange.post(posted);
      if (posting.stream !== undefined) {
        isStreaming = true;
        return this.#streamed(posting.stream, permit, call);
      }
      if (posting.status >= 500)
        this.#failed(permit, call, `the backend answered with status ${posting.status}`);
      else this.#settled(permit, "succeeded");
      return posting;
    } catch (error) {
      throw this.#faultOf(error, permit, call, startedAt);
    } finally {
      if (!isStreaming) this.#inFlight--;
    }
  }

  /**
   * Returns an answer in pieces, which is in flight until its end. The probe of a half-open breaker succeeds with the first
   * piece, since other requests wait for it; any other answer counts when it ends.
   */
  #streamed(
    { type, body }: NonNullable<Posting["stream"]>,
    permit: Permit,
    call: MethodCall,
  ): StreamedAnswer {
    const { method, signal } = call;
    const { clock } = this.#parts;
    const reader = readerOf(type, method, this.#maxAnswerBytes);
    let isSettled = false;
    const settle = (outcome: "succeeded" | "released") => {
      if (!isSettled) this.#settled(permit, outcome);
      isSettled = true;
    };
    return new StreamedAnswer(body, reader, call, () => clock.monotonic(), {
      onPiece: () => {
        if (this.#breaker.state === "half_open") settle("succeeded");
      },
      onEnd: (end) => {
        this.#inFlight--;
        if (end.kind === "complete") settle("succeeded");
        else if (end.kind === "dropped" || isSettled) settle("released");
        else if (!signal.aborted) this.#failed(permit, call, "the answer broke off");
        else if (end.silentMs < this.#timeoutMs * 0.9) settle("released");
        else this.#failed(permit, call, "the answer in pieces timed out");
      },
    });
  }

  #posted(params: unknown, call: MethodCall, streams: boolean): Posted {
    const { method, requestId, principal, service, deadline, signal, key } = call;
    const body = writeJson({
      id: requestId,
      method,
      params: params ?? null,
      user_id: principal.user ?? null,
      session_id: principal.session ?? null,
      ...(service !== undefined && { service }),
      deadline_ms: deadline,
      ...(key !== undefined && { key }),
    });
    const timestamp = Math.floor(this.#parts.clock.now() / 1_000);
    return {
      body,
      signal,
      repeatable: key !== undefined,
      streams,
      headers: {
        "Content-Type": "application/json",
        Accept: streams ? streamsAccepted : "application/json",
        [signatureHeader]: signatureOf(this.#secret, { timestamp, method, body }),
        ...(key !== undefined && { "Idempotency-Key": idempotencyKey(call) }),
      },
    };
  }

  #faultOf(error: unknown, permit: Permit, call: MethodCall, startedAt: number): unknown {
    const { method, signal } = call;
    if (error instanceof TooLargeAnswer) {
      this.#settled(permit, "succeeded");
      return new MilepostError(
        "backend_failed",
        `the backend's answer to ${method} is larger than maxAnswerBytes`,
      );
    }
    if (signal.aborted) {
      // A caller with a short deadline must not make a backend look slow to everyone.
      const tookMs = this.#parts.clock.monotonic() - startedAt;
      if (tookMs >= this.#timeoutMs * 0.9) this.#failed(permit, call, "the request timed out");
      else this.#settled(permit, "released");
      return signal.reason;
    }
    const { code } = error as NodeJS.ErrnoException;
    this.#failed(permit, call, `the connection failed${code === undefined ? "" : `: ${code}`}`);
    return new MilepostError("unavailable", `the backend of ${method} cannot be reached`, {
      cause: error,
    });
  }

  #failed(permit: Permit, { method, requestId }: MethodCall, reason: string): void {
    this.#parts.log.warn(
      { event: "backend.failed", method, request_id: requestId, reason },
      "a request to a backend failed",
    );
    this.#settled(permit, "failed");
  }

  #settled(permit: Permit, outcome: "succeeded" | "failed" | "released"): void {
    const before = this.#breaker.state;
    this.#breaker[outcome](permit);
    const { state, retryAfterMs } = this.#breaker;
    if (state === before) return;
    const fields = { methods: this.#methods, state, retry_after_ms: Math.ceil(retryAfterMs) };
    if (state === "open")
      this.#parts.log.warn(
        { event: "backend.open_circuit", ...fields },
        "a backend keeps failing: its circuit breaker opened, and its requests fail at once",
      );
    else
      this.#parts.log.info(
        { event: "backend.back", ...fields },
        "a backend answers again: its circuit breaker closed",
      );
  }
}

/**
 * Derives the `Idempotency-Key` header. The keys of different users must differ, because a backend may detect
 * repeated requests by this header alone.
 */
function idempotencyKey({ key, method, principal, service }: MethodCall): string {
  const { user, session } = principal;
  const ofPerson = user === undefined ? ["session", session] : ["user", user];
  const whose = service === undefined ? ofPerson : ["service", service];
  return createHash("sha256")
    .update(JSON.stringify([whose, method, key]))
    .digest("hex");
}

function readUrl(methods: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    return refuse(methods, "the url must be an http: or https: address");
  }
  if (url.username !== "" || url.password !== "") {
    return refuse(methods, "the url must hold no credentials; requests are signed instead");
  }
  return url;
}

function refuse(methods: string, why: string): never {
  throw new MilepostError("bad_message", `backend for ${JSON.stringify(methods)}: ${why}`);
}
