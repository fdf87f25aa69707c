import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Readable } from "node:stream";
import { type StreamType, streamTypeOf } from "./piece-reader.ts";

/** One POST request to a backend. */
export interface Posted {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** True if the request may be sent a second time when a reused connection turns out to be closed. */
  readonly repeatable: boolean;
  /** True if the answer may arrive in pieces. */
  readonly streams: boolean;
}

/** Answer to a POST, read to its end. */
export interface Posting {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Body of the answer; undefined if it is not UTF-8, empty for an error answer larger than the limit. */
  readonly text: string | undefined;
  /** Answer that arrives in pieces and is still to be read; then there is no text. The caller must read or destroy it. */
  readonly stream?: { readonly type: StreamType; readonly body: Readable };
}

/** Error of an answer larger than `maxBytes`. */
export class TooLargeAnswer extends Error {}

/**
 * Posts requests to one address over kept-alive connections. It follows no redirects and reads at most
 * `maxBytes` bytes of each answer.
 */
export class Exchange {
  readonly #url: URL;
  readonly #maxBytes: number;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(url: URL, { maxBytes, maxSockets }: { maxBytes: number; maxSockets: number }) {
    this.#url = url;
    this.#maxBytes = maxBytes;
    // The most recently used connection is the least likely to have been closed by the server.
    const options = { keepAlive: true, maxSockets, scheduling: "lifo" } as const;
    this.#agent = url.protocol === "https:" ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /**
   * Resolves with the complete answer, or with the beginning of one in pieces. Rejects with the network error, with {@link TooLargeAnswer}, or when the
   * signal aborts.
   */
  post(posted: Posted): Promise<Posting> {
    return this.#try(posted, posted.repeatable);
  }

  close(): void {
    this.#agent.destroy();
  }

  #try(posted: Posted, again: boolean): Promise<Posting> {
    return new Promise((resolve, reject) => {
      const send = this.#url.protocol === "https:" ? httpsRequest : httpRequest;
      const request = send(this.#url, {
        method: "POST",
        agent: this.#agent,
        signal: posted.signal,
        headers: { ...posted.headers, "Content-Length": Buffer.byteLength(posted.body) },
      });
      request.on("error", (error: NodeJS.ErrnoException) => {
        const wasClosed = request.reusedSocket && error.code === "ECONNRESET";
        if (wasClosed && again) resolve(this.#try(posted, false));
        else reject(error);
      });
      request.on("response", (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        const { statusCode: status = 0, headers } = response;
        const type = posted.streams ? streamTypeOf(headers["content-type"]) : undefined;
        if (type !== undefined && status >= 200 && status < 300) {
          resolve({ status, headers, text: undefined, stream: { type, body: response } });
          return;
        }
        response.on("data", (part: Buffer) => {
          bytes += part.length;
          if (bytes <= this.#maxBytes) {
            parts.push(part);
            return;
          }
          // For an error answer the status is enough, so its oversized body is dropped.
          if (status >= 400) resolve({ status, headers, text: "" });
          response.destroy(new TooLargeAnswer());
        });
        response.on("error", reject);
        response.on("end", () => {
          resolve({ status, headers, text: textOf(Buffer.concat(parts)) });
        });
      });
      request.end(posted.body);
    });
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function textOf(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
