import { readFileSync } from "node:fs";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

/** Where a gateway listens when nothing else is said. */
const defaultUrl = "http://127.0.0.1:8787";
const timeoutMs = 30_000;

/** The gateway's address: the flag, then MILEPOST_URL, then this machine. */
export function gatewayUrl(terminal: Terminal, flag: string | undefined): URL {
  const text = flag ?? (terminal.env.MILEPOST_URL || defaultUrl);
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

/** Calls the HTTP API; a problem document becomes a {@link CommandFailure}. */
export class Api {
  readonly #terminal: Terminal;
  readonly #url: URL;

  constructor(terminal: Terminal, url: string | undefined) {
    this.#terminal = terminal;
    this.#url = gatewayUrl(terminal, url);
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
    try {
      response = await fetch(new URL(path, this.#url), {
        method,
        headers: {
          Authorization: `Bearer ${this.#credential()}`,
          ...(body !== undefined && { "Content-Type": "application/json" }),
        },
        signal: AbortSignal.timeout(timeoutMs),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    } catch (cause) {
      if (cause instanceof CommandFailure) throw cause;
      throw new CommandFailure(
        `cannot reach ${this.#url.origin}; is the gateway running there? (milepost serve --dev starts one)`,
        exitCodes.failure,
        { cause },
      );
    }
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok) return answer as T;
    throw new CommandFailure(problemText(response.status, answer));
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

function problemText(status: number, answer: unknown): string {
  if (typeof answer === "object" && answer !== null && "code" in answer && "detail" in answer) {
    return `${String(answer.code)}: ${String(answer.detail)}`;
  }
  return `the gateway answered with HTTP ${status}`;
}
