import { readFileSync } from "node:fs";
import {
  type HttpRefusal,
  readRefusal,
  type SigningKey,
  signatureHeader,
  signRequest,
  writeJson,
} from "@milepost/protocol";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

/** URL of the gateway if neither the `--url` flag nor an environment variable sets one. */
const defaultUrl = "http://127.0.0.1:8787";
/**
 * Timeout of a call in milliseconds. A gateway that cannot reach its store answers with an error before this
 * time.
 */
const defaultTimeoutMs = 45_000;

/**
 * Returns the URL of the gateway: from the flag, otherwise from MILEPOST_URL, otherwise `otherwise`. Throws a
 * {@link CommandFailure} if the URL is not an http or ws URL.
 */
export function gatewayUrl(
  terminal: Terminal,
  flag: string | undefined,
  otherwise = defaultUrl,
): URL {
  const text = flag ?? (terminal.env.MILEPOST_URL || otherwise);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^(https?|wss?):$/.test(url.protocol)) {
    throw new CommandFailure(
      `${JSON.stringify(text)} is not the URL of a gateway; use one such as ${defaultUrl}`,
      exitCodes.usage,
    );
  }
  url.protocol = url.protocol.replace("ws", "http");
  return url;
}

/**
 * Returns the secret in the environment variable `variable`. If that is not set, returns the content of the
 * file whose path is in `{variable}_FILE`. Otherwise returns undefined.
 */
export function secretFrom(terminal: Terminal, variable: string): string | undefined {
  const given = terminal.env[variable];
  if (given !== undefined && given !== "") return given;
  const path = terminal.env[`${variable}_FILE`];
  if (path === undefined || path === "") return undefined;
  try {
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new CommandFailure(
      `cannot read the file ${path}; correct ${variable}_FILE, which names it`,
      exitCodes.config,
      {
        cause,
      },
    );
  }
}

/** Failure of a call that the gateway answered with an error status. */
export class Refusal extends CommandFailure {
  readonly status: number;

  constructor(status: number, refusal: HttpRefusal) {
    super(problemText(refusal));
    this.name = "Refusal";
    this.status = status;
  }
}

/**
 * Calls the HTTP API. An error status becomes a {@link Refusal}, any other failure a {@link CommandFailure}.
 */
export class Api {
  readonly #terminal: Terminal;
  readonly #url: URL;
  readonly #timeoutMs: number;

  constructor(terminal: Terminal, url: string | undefined, timeoutMs = defaultTimeoutMs) {
    this.#terminal = terminal;
    this.#url = gatewayUrl(terminal, url);
    this.#timeoutMs = timeoutMs;
  }

  get<T>(
    path: string,
    query: Readonly<Record<string, string | number | undefined>> = {},
  ): Promise<T> {
    return this.#call<T>("GET", withQuery(path, query));
  }

  /** Like `get`, and returns the answer as the text that the gateway sent, in which every number is exact. */
  async text(path: string, query: Readonly<Record<string, string | number | undefined>> = {}) {
    return (await this.#exchange("GET", withQuery(path, query))).text;
  }

  post<T>(path: string, body?: unknown): Promise<T> {
    return this.#call<T>("POST", path, body);
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.#call<T>("PUT", path, body);
  }

  /** Like `post`, with the signature of the request by `key`. */
  async postSigned<T>(path: string, body: unknown, key: SigningKey): Promise<T> {
    const text = writeJson(body);
    const header = await signRequest(key, { method: "POST", target: path, body: text });
    return (await this.#exchange("POST", path, body, { [signatureHeader]: header })).answer as T;
  }

  delete<T>(path: string): Promise<T> {
    return this.#call<T>("DELETE", path);
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    return (await this.#exchange(method, path, body)).answer as T;
  }

  async #exchange(
    method: string,
    path: string,
    body?: unknown,
    more: Readonly<Record<string, string>> = {},
  ) {
    let response: Response;
    let text = "";
    let answer: unknown;
    let refusal: HttpRefusal | undefined;
    try {
      response = await fetch(new URL(path, this.#url), {
        method,
        headers: {
          Authorization: `Bearer ${this.#credential()}`,
          ...(body !== undefined && { "Content-Type": "application/json" }),
          ...more,
        },
        signal: AbortSignal.timeout(this.#timeoutMs),
        ...(body !== undefined && { body: writeJson(body) }),
      });
      if (response.ok) {
        text = await response.text();
        answer = parsed(text);
      } else refusal = await readRefusal(response);
    } catch (cause) {
      if (cause instanceof CommandFailure) throw cause;
      if (cause instanceof Error && cause.name === "TimeoutError") {
        throw new CommandFailure(
          `no answer from ${this.#url.origin} in ${this.#timeoutMs / 1_000} s${method === "GET" ? "" : "; the request may have taken effect all the same"}`,
          exitCodes.failure,
          { cause },
        );
      }
      throw new CommandFailure(
        `cannot reach ${this.#url.origin}; is the gateway running there? (milepost serve --dev starts one)`,
        exitCodes.failure,
        { cause },
      );
    }
    if (refusal !== undefined) throw new Refusal(response.status, refusal);
    if (answer === undefined && response.status !== 204) {
      throw new CommandFailure(
        `the answer of ${this.#url.origin} (HTTP ${response.status}) does not come from a Milepost gateway; check the URL and any proxy`,
        exitCodes.failure,
      );
    }
    return { answer, text };
  }

  #credential(): string {
    const credential =
      secretFrom(this.#terminal, "MILEPOST_API_KEY") ??
      secretFrom(this.#terminal, "MILEPOST_TOKEN");
    if (credential !== undefined && !/^[\x21-\x7e]+$/.test(credential)) {
      throw new CommandFailure(
        "the credential has characters that no header can carry; copy it again without spaces, line breaks or special quotes",
        exitCodes.config,
      );
    }
    if (credential !== undefined) return credential;
    throw new CommandFailure(
      "no credential: set MILEPOST_API_KEY to a key of the gateway, or MILEPOST_TOKEN to a user token",
      exitCodes.config,
    );
  }
}

function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value));
  }
  const text = search.toString();
  return text === "" ? path : `${path}?${text}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Returns the code and detail of a problem document in one line, or the HTTP status when the response is not
 * one of a gateway.
 */
export function problemText({ failure, isOfGateway }: HttpRefusal): string {
  return isOfGateway ? `${failure.code}: ${failure.message}` : failure.message;
}
