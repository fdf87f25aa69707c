import { closeCodeOf, readRefusal } from "@milepost/protocol";

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
  /** True if the body of the call was too large, which says nothing about the connection. */
  readonly isTooLarge: boolean;
  /** Credential of the refused call; undefined if the refusal answers no call. */
  token: string | undefined;

  constructor(code: number, reason: string, retryAfterMs?: number, isTooLarge = false) {
    super(reason);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
    this.isTooLarge = isTooLarge;
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
    }: {
      body?: string;
      accept?: string;
      signal?: AbortSignal | undefined;
      token?: string | undefined;
    } = {},
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
    if (response.ok && !isPage(response)) return response;
    const refused = await refusalOf(response);
    refused.token = token;
    throw refused;
  }
}

/** Returns true for a page, which no gateway sends: a captive portal answers with one in its place. */
function isPage({ headers }: Response): boolean {
  return /\bx?html\b/i.test(headers.get("content-type") ?? "");
}

/**
 * Returns the refusal for a response that is no success. Its close code makes the client react as it does on a
 * WebSocket. What does not come from a gateway never ends the client, since a retry may succeed.
 */
async function refusalOf(response: Response): Promise<Refused> {
  const { failure, isOfGateway } = await readRefusal(response);
  const { status } = response;
  const { code, message, retry_after_ms: afterMs } = failure;
  // Whoever answers 429, a client that waits may succeed.
  if (status === 429) {
    return new Refused(code === "too_many_connections" ? 4409 : 4429, message, afterMs);
  }
  const closeCode = isOfGateway && refusals.has(status) ? closeCodeOf(code) : 1006;
  return new Refused(closeCode, message, afterMs, status === 413);
}

/** HTTP statuses with which a gateway refuses a client permanently. */
const refusals: ReadonlySet<number> = new Set([400, 401, 403, 413]);
