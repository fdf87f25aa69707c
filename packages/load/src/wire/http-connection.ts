import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** Receives the bytes of one answer: its status and its body. */
export type OnAnswer = (status: number, body: Buffer) => void;

/** Destination of an HTTP connection. */
export interface Destination {
  /** Address to connect to. Default: 127.0.0.1. */
  readonly host?: string;
  readonly port: number;
  /** Name whose certificate the server must show; absent: the connection is not encrypted. */
  readonly tlsName?: string | undefined;
}

const endOfHead = Buffer.from("\r\n\r\n");

/** Opens a TCP connection, or one with TLS, on which small writes leave at once. */
export function openSocket({ host = "127.0.0.1", port, tlsName }: Destination): Socket {
  if (tlsName === undefined) return connect({ host, port, noDelay: true });
  const socket = connectTls({ host, port, servername: tlsName });
  socket.setNoDelay(true);
  return socket;
}

/**
 * HTTP/1.1 connection of a load generator. It sends prebuilt requests and reads answers that announce their length, so
 * that reading costs far less than in an HTTP library.
 */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #onAnswer: OnAnswer;
  #rest: Buffer | undefined;
  #unanswered = 0;

  /** Connects to a server. A connection that ends, or whose answer cannot be read, calls `onEnd` with the reason. */
  constructor(to: Destination, onAnswer: OnAnswer, onEnd: (reason: string) => void) {
    this.#onAnswer = onAnswer;
    this.#socket = openSocket(to);
    let reason = "the server ended the connection";
    this.#socket.on("error", (error) => {
      reason = error.message;
    });
    this.#socket.on("data", (bytes: Buffer) => {
      try {
        this.#read(bytes);
      } catch (error) {
        this.#socket.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
    this.#socket.on("close", () => onEnd(reason));
  }

  /** Number of requests that have no answer yet. */
  get unanswered(): number {
    return this.#unanswered;
  }

  send(request: string): void {
    this.#unanswered++;
    this.#socket.write(request);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    let rest = this.#rest === undefined ? bytes : Buffer.concat([this.#rest, bytes]);
    this.#rest = undefined;
    while (rest.length > 0) {
      const head = rest.indexOf(endOfHead);
      const length = head < 0 ? undefined : lengthIn(rest.toString("latin1", 0, head));
      const end = head + endOfHead.length + (length ?? 0);
      if (length === undefined || rest.length < end) {
        this.#rest = rest;
        return;
      }
      const status = Number(rest.toString("latin1", 9, 12));
      const body = rest.subarray(head + endOfHead.length, end);
      rest = rest.subarray(end);
      this.#unanswered--;
      this.#onAnswer(status, body);
    }
  }
}

function lengthIn(head: string): number {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without a length: ${head}`);
  return Number(length);
}

/** Builds a request that publishes `body`, as HTTP/1.1 on a connection that stays open. */
export function publishRequest(
  body: string,
  apiKey: string,
  isNdjson: boolean,
  host = "127.0.0.1",
): string {
  const type = isNdjson ? "application/x-ndjson" : "application/json";
  return [
    "POST /v1/publish HTTP/1.1",
    `Host: ${host}`,
    `Authorization: Bearer ${apiKey}`,
    `Content-Type: ${type}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ].join("\r\n");
}
