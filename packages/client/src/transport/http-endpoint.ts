import { closeCodeOf, type ErrorCode, isDelay, isErrorCode, isRecord } from "@milepost/protocol";

/** Part of `fetch` that the client uses. The platform's own `fetch` can be passed. */
export type Fetch = (
  url: string,
  init: {
    readonly method?: string;
    readonly headers: Record<string, string>;
    readonly body?: string;
    readonly signal: AbortSignal;
    readonly cache: "no-store";
  },
) => Promise<Response>;

/** Refusal of a transport connection by an HTTP response, with the equivalent close code. */
export class Refused extends Error {
  readonly code: number;
  /** Time to wait before the next call, in milliseconds; undefined if the answer names none. */
  readonly retryAfterMs: number | undefined;
  /** Credential of the refused call; undefined if the refusal answers no call. */
  token: string | undefined;

  constructor(code: number, reason: string, retryAfterMs?: number) {
    super(reason);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * HTTP calls of one transport connection. They carry the connection's credential unless a call has its own, and
 * closing the connection aborts them.
 */
export class HttpEndpoint {
  token: string | undefined;
  readonly #fetch: Fetch;
  readonly #base: URL;
  readonly #ending = new AbortController();

  constructor(fetch: Fetch, url: URL, token: string | undefined) {
    this.#fetch = fetch;
    this.#base = new URL(url);
    this.#base.protocol = url.protocol === "wss:" ? "https:" : "http:";
    this.#base.search = "";
    this.token = token;
  }

  get isEnded(): boolean {
    return this.#ending.signal.aborted;
  }

  end(): void {
    this.#ending.abort();
  }

  /** Calls a path of the gateway; rejects with {@link Refused} unless the status is a success. */
  async call(
    path: string,
    {
      body,
      accept,
      signal,
      token = this.token,
    }: { body?: string; accept?: string; signal?: AbortSignal; token?: string | undefined } = {},
  ): Promise<Response> {
    const { pathname, origin } = this.#base;
    // A browser's `fetch` throws when it is called as a method of another object, so it is called as a plain
    // function.
    const fetch = this.#fetch;
    const response = await fetch(`${origin}${pathname.replace(/\/ws\/?$/, "")}${path}`, {
      headers: {
        ...(accept !== undefined && { Accept: accept }),
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "Content-Type": "application/json" }),
      },
      ...(body !== undefined && { method: "POST", body }),
      signal: signal ?? this.#ending.signal,
      cache: "no-store",
    });
    if (response.ok) return response;
    const refused = await refusalOf(response);
    refused.token = token;
    throw refused;
  }
}

/**
 * Returns the refusal for an error response. Its close code makes the client react as it does on a WebSocket;
 * the code comes from the status and the problem document.
 */
async function refusalOf(response: Response): Promise<Refused> {
  const problem: unknown = await response.json().catch(() => undefined);
  const { code, detail, retry_after_ms } = isRecord(problem) ? problem : {};
  const says = typeof detail === "string" ? detail : `HTTP ${response.status}`;
  const afterMs = isDelay(retry_after_ms) ? retry_after_ms : retryAfterMs(response);
  // Whoever answers 429, a client that waits may succeed.
  if (response.status === 429) return new Refused(1013, says, afterMs ?? rateWaitMs);
  // A response without an error code comes from a proxy, not from the gateway, so a retry may succeed.
  if (typeof code !== "string") return new Refused(1006, says, afterMs);
  const { [response.status]: error } = refusals;
  if (error === undefined) return new Refused(1006, says, afterMs);
  return new Refused(closeCodeOf(isErrorCode(code) ? code : error), says, afterMs);
}

/** Wait after an answer 429 that names none, in milliseconds. */
const rateWaitMs = 30_000;

/** Returns the wait of the header `Retry-After`, which has seconds or a date. */
function retryAfterMs({ headers }: Response): number | undefined {
  const text = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const date = headers.get("date");
  const ms = Date.parse(text) - Date.parse(date ?? "");
  return isDelay(ms) ? ms : undefined;
}

/**
 * Error for each HTTP status that refuses a client permanently, used when this client does not know the
 * response's error code.
 */
const refusals: Readonly<Record<number, ErrorCode>> = {
  400: "bad_message",
  401: "unauthenticated",
  403: "forbidden",
  413: "too_large",
};
