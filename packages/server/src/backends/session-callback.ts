import type { SessionValidator, ValidatedSession } from "@milepost/core";
import { isRecord, MilepostError, parseJson } from "@milepost/protocol";
import { Backend, type BackendOptions, type BackendParts, type BackendStats } from "./backend.ts";
import type { Posting } from "./exchange.ts";

/** Settings of the backend that is asked whether a session is valid. */
export interface SessionCallbackOptions extends BackendOptions {
  /** Time for which an answer is used again, in milliseconds; default 10,000. A refusal is used again for 1 s at most. */
  readonly cacheMs?: number;
}

/** Method name in the requests to the backend, which its signature covers. */
export const sessionCallbackMethod = "sessions.validate";

const defaultCacheMs = 10_000;
const refusalMs = 1_000;
/** Time until a session is validated again, in milliseconds, if the backend names none. */
const defaultTtlMs = 300_000;
const maxTtlMs = 400 * 86_400_000;
/** Answers that are kept at a time; beyond it, the oldest are forgotten. */
const maxCached = 10_000;

interface Cached {
  readonly answer: Promise<ValidatedSession | undefined>;
  /** Time until which the answer is used, in milliseconds of the monotonic clock. */
  until: number;
}

/** Asks the deployment's backend for sessions, through a circuit breaker. Concurrent questions are asked once. */
export class SessionCallback {
  readonly #backend: Backend;
  readonly #parts: BackendParts;
  readonly #cacheMs: number;
  readonly #cached = new Map<string, Cached>();
  #asked = 0;

  constructor(
    { cacheMs = defaultCacheMs, ...options }: SessionCallbackOptions,
    parts: BackendParts,
  ) {
    this.#backend = new Backend(sessionCallbackMethod, options, parts);
    this.#parts = parts;
    this.#cacheMs = cacheMs;
  }

  /** Number of sessions whose answer is kept. */
  get cached(): number {
    return this.#cached.size;
  }

  get stats(): BackendStats {
    return this.#backend.stats;
  }

  readonly validate: SessionValidator = (session, user) => {
    const key = JSON.stringify([session, user ?? null]);
    const now = this.#parts.clock.monotonic();
    const known = this.#cached.get(key);
    if (known !== undefined && known.until > now) return known.answer;
    const answer = this.#ask(session, user);
    const cached: Cached = { answer, until: Number.POSITIVE_INFINITY };
    this.#cached.delete(key);
    this.#cached.set(key, cached);
    for (const oldest of this.#cached.keys()) {
      if (this.#cached.size <= maxCached) break;
      this.#cached.delete(oldest);
    }
    answer.then(
      (found) => {
        const keptMs = found === undefined ? Math.min(refusalMs, this.#cacheMs) : this.#cacheMs;
        cached.until = this.#parts.clock.monotonic() + keptMs;
      },
      () => {
        if (this.#cached.get(key) === cached) this.#cached.delete(key);
      },
    );
    return answer;
  };

  close(): void {
    this.#backend.close();
  }

  async #ask(session: string, user: string | undefined): Promise<ValidatedSession | undefined> {
    const { clock } = this.#parts;
    const { timeoutMs = 0 } = this.#backend.definition;
    const controller = new AbortController();
    const late = new MilepostError(
      "timed_out",
      "the backend did not validate the session in time; try again",
    );
    const cancel = clock.after(timeoutMs, () => controller.abort(late));
    try {
      const posting = await this.#backend.post(
        { session_id: session, ...(user === undefined ? {} : { user_id: user }) },
        {
          method: sessionCallbackMethod,
          requestId: `session-${++this.#asked}`,
          principal: {
            kind: "user",
            user,
            session,
            grants: { subscribe: [], publish: [] },
            expiresAt: undefined,
          },
          key: undefined,
          deadline: clock.now() + timeoutMs,
          signal: controller.signal,
          input: nothing(),
        },
      );
      return this.#read(posting);
    } finally {
      cancel();
    }
  }

  #read({ status, headers, text = "" }: Posting): ValidatedSession | undefined {
    const isBusy = status === 408 || status === 429;
    if (status >= 400 && status < 500 && !isBusy) return undefined;
    if (status < 200 || status >= 300) {
      const seconds = Number(headers["retry-after"]);
      const retry =
        seconds > 0 && seconds <= maxRetryAfterS ? { retryAfterMs: seconds * 1_000 } : {};
      throw new MilepostError("unavailable", failingMessage, retry);
    }
    const json = parseJson(text);
    const answer = json.ok ? json.value : undefined;
    if (!isRecord(answer) || typeof answer.valid !== "boolean") {
      throw this.#misread("its answer has no field valid that is true or false");
    }
    if (!answer.valid) return undefined;
    const { user_id: user, ttl_ms: ttlMs = defaultTtlMs } = answer;
    if (typeof ttlMs !== "number" || !(ttlMs > 0)) {
      throw this.#misread("the ttl_ms of its answer is no number above 0");
    }
    return {
      endsAt: this.#parts.clock.now() + Math.min(ttlMs, maxTtlMs),
      ...(typeof user === "string" ? { user } : {}),
    };
  }

  #misread(reason: string): MilepostError {
    this.#parts.log.warn(
      { event: "sessions.odd_answer", reason },
      "the backend that validates sessions answered with something else",
    );
    return new MilepostError("unavailable", failingMessage);
  }
}

const maxRetryAfterS = 600;
const failingMessage =
  "the backend that validates sessions does not answer as it should; try again later";

async function* nothing(): AsyncGenerator<never> {}
