/** Address of the gateway: the folder above the console's. */
export const gateway = new URL("..", document.baseURI);

/** Address of the gateway's WebSocket. */
export const socket = new URL("ws", gateway).href.replace(/^http/, "ws");

/** Time before the expiry of a token at which a new one is asked for, in milliseconds. */
const renewAheadMs = 2 * 60_000;

interface Issued {
  readonly token: string;
  readonly expires_at: number;
  readonly renewable_until: number;
  readonly name: string;
}

/** Answer of the gateway that is an error, or no answer at all. */
export class CallFailure extends Error {
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * Session of an administrator. It holds the token in memory alone: a reload or a closed tab ends it. Before the token
 * expires, it is exchanged for a new one, as long as the gateway allows.
 */
export class ConsoleSession {
  readonly name: string;
  readonly #onEnded: () => void;
  #issued: Issued;
  #renewing: Promise<string> | undefined;

  constructor(issued: Issued, onEnded: () => void) {
    this.name = issued.name;
    this.#issued = issued;
    this.#onEnded = onEnded;
  }

  /** Exchanges an API key; rejects with a {@link CallFailure}. */
  static async open(key: string, onEnded: () => void): Promise<ConsoleSession> {
    return new ConsoleSession(await exchange(key), onEnded);
  }

  /** Resolves with a token that is valid for a while. */
  token = async (): Promise<string> => {
    const { token, expires_at, renewable_until } = this.#issued;
    const now = Date.now();
    if (now < expires_at - renewAheadMs || now >= renewable_until) return token;
    this.#renewing ??= this.#renew(token).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  };

  /** Calls the API and returns its answer: parsed JSON, or text of another type. */
  async call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    try {
      return (await send(await this.token(), method, path, body, signal)) as T;
    } catch (error) {
      if (error instanceof CallFailure && error.status === 401) this.#onEnded();
      throw error;
    }
  }

  async #renew(token: string): Promise<string> {
    try {
      this.#issued = await exchange(token);
      return this.#issued.token;
    } catch (error) {
      // While the gateway is away, the token that the session has may still be good.
      if (error instanceof CallFailure && error.status !== 401) return token;
      throw error;
    }
  }
}

async function exchange(credential: string): Promise<Issued> {
  return (await send(credential, "POST", "v1/console/tokens")) as Issued;
}

async function send(
  credential: string,
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(new URL(path, gateway), {
      method,
      headers: {
        Authorization: `Bearer ${credential}`,
        ...(body !== undefined && { "Content-Type": "application/json" }),
      },
      credentials: "omit",
      cache: "no-store",
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new CallFailure(0, "unreachable", "The gateway cannot be reached.");
  }
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  const value: unknown = isJson && text !== "" ? JSON.parse(text) : text;
  // The health of a node that serves nobody is an answer too.
  if (response.ok || path === "ws/health") return value;
  const { code = "internal", detail = "" } = (isJson ? value : {}) as {
    code?: string;
    detail?: string;
  };
  throw new CallFailure(
    response.status,
    code,
    detail || `The gateway answered ${response.status}.`,
  );
}
