/** Answer of the gateway's HTTP API. */
export interface GatewayAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the body is the JSON of any endpoint
  readonly body: any;
}

const firstRetryMs = 200;
const maxRetryMs = 5_000;

/**
 * Calls the gateway's HTTP API with an API key, with nothing but `fetch`. A call is repeated until the gateway answers it
 * for good, so each call that stores something needs an id or a key of its own.
 */
export class GatewayClient {
  readonly #url: string;
  readonly #apiKey: string;

  constructor(url: string, apiKey: string) {
    this.#url = url;
    this.#apiKey = apiKey;
  }

  /** Calls until there is an answer that a repetition would not change. */
  async call(method: string, path: string, body?: unknown): Promise<GatewayAnswer> {
    for (let tries = 0; ; tries++) {
      const answer = await this.once(method, path, body).catch(() => undefined);
      if (answer !== undefined && answer.status < 500 && answer.status !== 429) return answer;
      await pause(Math.min(firstRetryMs * 2 ** tries, maxRetryMs));
    }
  }

  /** Calls once; rejects if no answer arrives. */
  async once(method: string, path: string, body?: unknown): Promise<GatewayAnswer> {
    const answer = await fetch(`${this.#url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#apiKey}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
  }
}

/** Waits so many milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
