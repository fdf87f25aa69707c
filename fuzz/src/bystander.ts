/** Longest time in which a healthy client is served beside the attackers, in milliseconds. */
const patienceMs = 30_000;

/**
 * A healthy client. It reads its own channel as an event stream, and publishes a text to it that nobody else may see.
 */
export class Bystander {
  readonly #url: string;
  readonly #token: string;
  readonly #secret: string;
  readonly #closing = new AbortController();
  #received = 0;
  #published = 0;
  #onEvent: () => void = () => {};

  private constructor(url: string, token: string, secret: string) {
    this.#url = url;
    this.#token = token;
    this.#secret = secret;
  }

  /** Opens the stream; `onFault` is called when the client receives what it did not publish. */
  static async open(
    url: string,
    token: string,
    secret: string,
    onFault: (what: string) => void,
  ): Promise<Bystander> {
    const bystander = new Bystander(url, token, secret);
    await bystander.#listen(onFault);
    return bystander;
  }

  /** Publishes once and resolves when the client has received it; returns false when that takes too long. */
  async isServed(): Promise<boolean> {
    const number = ++this.#published;
    const answer = await fetch(`${this.#url}/v1/publish`, {
      method: "POST",
      headers: { Authorization: `Bearer ${this.#token}`, "Content-Type": "application/json" },
      body: JSON.stringify({
        channel: "victim:v",
        event: "note",
        data: { secret: this.#secret, number },
      }),
      signal: AbortSignal.timeout(patienceMs),
    }).catch(() => undefined);
    if (answer?.status !== 200) return false;
    const until = performance.now() + patienceMs;
    while (this.#received < number && performance.now() < until) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.#onEvent = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#received >= number;
  }

  close(): void {
    this.#closing.abort();
  }

  async #listen(onFault: (what: string) => void): Promise<void> {
    const answer = await fetch(`${this.#url}/v1/sse?channels=victim:v`, {
      headers: { Authorization: `Bearer ${this.#token}` },
      signal: this.#closing.signal,
    });
    const body = answer.body;
    if (answer.status !== 200 || body === null)
      throw new Error(`the stream of the healthy client was answered with ${answer.status}`);
    let subscribed: () => void = () => {};
    const begun = new Promise<void>((resolve) => {
      subscribed = resolve;
    });
    void this.#read(body, subscribed, onFault);
    await begun;
  }

  async #read(
    body: ReadableStream<Uint8Array>,
    subscribed: () => void,
    onFault: (what: string) => void,
  ): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    try {
      for await (const chunk of body) {
        text += decoder.decode(chunk, { stream: true });
        const events = text.split("\n\n");
        text = events.pop() ?? "";
        for (const event of events) this.#take(event, subscribed, onFault);
      }
      onFault("the stream of the healthy client ended");
    } catch (error) {
      if (!this.#closing.signal.aborted) onFault(`the healthy client lost its stream: ${error}`);
    }
  }

  #take(event: string, subscribed: () => void, onFault: (what: string) => void): void {
    const [, json] = /^data: (.*)$/m.exec(event) ?? [];
    if (json === undefined) return;
    const { type, data } = JSON.parse(json) as { type: string; data?: { number?: unknown } };
    if (type === "subscribed") subscribed();
    if (["welcome", "subscribed", "ping"].includes(type)) return;
    if (type !== "note" || data?.number !== this.#received + 1) {
      onFault(`the healthy client received ${json.slice(0, 300)}`);
      return;
    }
    this.#received++;
    this.#onEvent();
  }
}
