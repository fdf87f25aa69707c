import { isRecord, jsonSubprotocol, SseReader } from "@milepost/protocol";
import type { Schedule } from "../runtime/schedule.ts";
import { type Fetch, HttpEndpoint, Refused } from "./http-endpoint.ts";
import { sdkName } from "./sdk.ts";
import type {
  Attempt,
  CloseDetails,
  Transport,
  TransportConnection,
  TransportConnectionEvents,
} from "./transport.ts";
import { Upstream } from "./upstream.ts";

/**
 * Time limit of a call upstream, in milliseconds. The stream may still carry events while something swallows the
 * calls.
 */
const upstreamMs = 30_000;
/**
 * Time from the start of the response to the welcome, in milliseconds. The gateway sends both together, so something
 * in between is holding the stream back.
 */
const welcomeMs = 5_000;

/** Returns the SSE transport: messages arrive as server-sent events and are sent by POST. */
export function sseTransport(fetch: Fetch): Transport {
  return { name: "sse", open: (attempt, events) => new SseConnection(fetch, attempt, events) };
}

class SseConnection implements TransportConnection {
  readonly closed: Promise<void>;
  readonly #endpoint: HttpEndpoint;
  readonly #events: TransportConnectionEvents;
  readonly #upstream: Upstream;
  readonly #schedule: Schedule;
  #connectionId = "";
  #owned = true;

  constructor(
    fetch: Fetch,
    { url, token, connectionId, schedule }: Attempt,
    events: TransportConnectionEvents,
  ) {
    this.#endpoint = new HttpEndpoint(fetch, url, token);
    this.#events = events;
    this.#schedule = schedule;
    this.#upstream = new Upstream({
      endpoint: this.#endpoint,
      path: () => `/ws/connections/${this.#connectionId}/messages?replies=stream`,
      onReplies: () => {},
      onFailed: (error) => this.#fail(error),
      onRefused: (reply) => this.#take(reply),
      // The gateway answers at once, as the replies come in the stream.
      schedule,
      limitMs: upstreamMs,
    });
    const replaced = connectionId === undefined ? "" : `&connection_id=${connectionId}`;
    this.closed = this.#read(`/ws/sse?dialect=${jsonSubprotocol}&sdk=${sdkName()}${replaced}`);
  }

  send(messages: readonly string[], maxBytes: number): void {
    for (const text of messages) this.#upstream.send(text, maxBytes);
  }

  renew(token: string): void {
    this.#endpoint.token = token;
  }

  release(): void {
    this.#owned = false;
    this.#endpoint.end();
  }

  async #read(path: string): Promise<void> {
    try {
      const response = await this.#endpoint.call(path, { accept: "text/event-stream" });
      this.#schedule.after(welcomeMs, () => {
        if (this.#connectionId === "") this.#fail(new Refused(1006, "the stream is held back"));
      });
      const body = response.body?.getReader();
      if (body === undefined) throw new Refused(1006, "no stream");
      const reader = new SseReader(({ data }) => this.#take(data));
      const decoder = new TextDecoder();
      for (;;) {
        const { done, value } = await body.read();
        if (done || !this.#owned) break;
        reader.take(decoder.decode(value, { stream: true }));
      }
      throw new Refused(1006, "the stream ended");
    } catch (error) {
      this.#fail(error);
    }
  }

  #take(data: string): void {
    if (!this.#owned) return;
    if (data.startsWith('{"type":"close"')) {
      const { code, reason } = JSON.parse(data);
      this.#close(Number(code), String(reason));
      return;
    }
    if (data.startsWith('{"type":"welcome"')) {
      const welcome: unknown = JSON.parse(data);
      this.#connectionId = String(isRecord(welcome) && welcome.connection_id);
    }
    this.#events.onFrame(data);
  }

  #fail(error: unknown): void {
    if (error instanceof Refused) this.#close(error.code, error.message, error);
    else this.#close(1006, "");
  }

  #close(code: number, reason: string, details?: CloseDetails): void {
    if (!this.#owned) return;
    this.release();
    this.#events.onClose(code, reason, details);
  }
}
