import { readFileSync } from "node:fs";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

/** Where a gateway listens when nothing else is said. */
const defaultUrl = "http://127.0.0.1:8787";
/** Longer than a gateway waits for its store before it says that it could not. */
const defaultTimeoutMs = 45_000;

/** The gateway's address: the flag, then MILEPOST_URL, then what is said here, or this machine. */
export function gatewayUrl(
  terminal: Terminal,
  flag: string | undefined,
  otherwise = defaultUrl,
): URL {
  const text = flag ?? (terminal.env.MILEPOST_URL || otherwise);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^(https?|wss?):$/.test(url.protocol)) {
    throw new CommandFailure(
      `${JSON.stringify(text)} is no URL of a gateway; for example ${defaultUrl}`,
      exitCodes.usage,
    );
  }
  url.protocol = url.protocol.replace("ws", "http");
  return url;
}

/** The secret in a variable, or in the file that the variable's `_FILE` names. */
export function secretFrom(terminal: Terminal, variable: string): string | undefined {
  const given = terminal.env[variable];
  if (given !== undefined && given !== "") return given;
  const path = terminal.env[`${variable}_FILE`];
  if (path === undefined || path === "") return undefined;
  try {
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new CommandFailure(
      `cannot read ${path}, which ${variable}_FILE names`,
      exitCodes.config,
      {
        cause,
      },
    );
  }
}

/** The gateway answered that it does not do that. */
export class Refusal extends CommandFailure {
  readonly status: number;

  constructor(status: number, answer: unknown) {
    super(problemText(status, answer));
    this.name = "Refusal";
    this.status = status;
  }
}

/** Calls the HTTP API; a problem document becomes a {@link Refusal}, all else that goes wrong a {@link CommandFailure}. */
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
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) search.set(name, String(value));
    }
    const text = search.toString();
    return this.#call<T>("GET", text === "" ? path : `${path}?${text}`);
  }

  post<T>(path: string, body?: unknown): Promise<T> {
    return this.#call<T>("POST", path, body);
  }

  delete<T>(path: string): Promise<T> {
    return this.#call<T>("DELETE", path);
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    let response: Response;
    let answer: unknown;
    try {
      response = await fetch(new URL(path, this.#url), {
        method,
        headers: {
          Authorization: `Bearer ${this.#credential()}`,
          ...(body !== undefined && { "Content-Type": "application/json" }),
        },
        signal: AbortSignal.timeout(this.#timeoutMs),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      answer = parsed(await response.text());
    } catch (cause) {
      if (cause instanceof CommandFailure) throw cause;
      if (cause instanceof Error && cause.name === "TimeoutError") {
        throw new CommandFailure(
          `no answer from ${this.#url.origin} in ${this.#timeoutMs / 1_000} s${method === "GET" ? "" : "; it may have been done all the same"}`,
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
    if (response.ok) return answer as T;
    throw new Refusal(response.status, answer);
  }

  #credential(): string {
    const credential =
      secretFrom(this.#terminal, "MILEPOST_API_KEY") ??
      secretFrom(this.#terminal, "MILEPOST_TOKEN");
    if (credential !== undefined && !/^[\x21-\x7e]+$/.test(credential)) {
      throw new CommandFailure(
        "the credential has characters that no header can carry; was it copied with something around it?",
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

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a problem document says, in one line. */
export function problemText(status: number, answer: unknown): string {
  if (typeof answer === "object" && answer !== null && "code" in answer && "detail" in answer) {
    return `${String(answer.code)}: ${String(answer.detail)}`;
  }
  return `the gateway answered with HTTP ${status}`;
}
