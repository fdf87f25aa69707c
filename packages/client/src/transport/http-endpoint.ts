import { isRecord } from "@milepost/protocol";

/** What the client uses of `fetch`; the platform's fits. */
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

/** A line that was closed by an answer, with the close code that comes to the same. */
export class Refused extends Error {
  readonly code: number;

  constructor(code: number, reason: string) {
    super(reason);
    this.code = code;
  }
}

/** Calls of one line over HTTP; they end with it, and carry its credential. */
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

  /** Calls a path of the service; rejects with {@link Refused} unless it is answered well. */
  async call(
    path: string,
    { body, accept, signal }: { body?: string; accept?: string; signal?: AbortSignal } = {},
  ): Promise<Response> {
    const { pathname, origin } = this.#base;
    const { token } = this;
    // Called as a plain function: a browser's fetch refuses another `this`.
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
    if (!response.ok) throw await refusalOf(response);
    return response;
  }
}

/** Status and problem document as the close code that asks for the same. */
async function refusalOf(response: Response): Promise<Refused> {
  const problem: unknown = await response.json().catch(() => undefined);
  const { code, detail } = isRecord(problem) ? problem : {};
  const says = typeof detail === "string" ? detail : `HTTP ${response.status}`;
  // What does not come from the service, but from something in between, may be otherwise next time.
  if (typeof code !== "string") return new Refused(1006, says);
  switch (response.status) {
    case 400:
      return new Refused(4400, says);
    case 401:
      return new Refused(
        code === "token_expired" ? 4101 : code === "token_revoked" ? 4102 : 4401,
        says,
      );
    case 403:
      return new Refused(4403, says);
    case 413:
      return new Refused(1009, says);
    default:
      return new Refused(1006, says);
  }
}
