import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Request as the backend received it. */
export interface BackendRequest {
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  readonly response: ServerResponse;
  /** Resolves when the response is closed, before or after it was complete. */
  readonly closed: Promise<unknown>;
}

/** HTTP server that answers as the test says, and is closed at the end of the test. */
export interface TestBackend extends AsyncDisposable {
  readonly url: string;
  /** Requests received, in order of arrival. */
  readonly requests: readonly BackendRequest[];
  /** Number of connections accepted. */
  readonly connections: number;
  /** Resolves with the request number `count`, counted from 1, once it has arrived. */
  arrived(count: number): Promise<BackendRequest>;
}

/** Starts a backend on a free port. A request stays unanswered if `answer` does not respond to it. */
export async function startBackend(
  answer: (request: BackendRequest) => void,
): Promise<TestBackend> {
  const requests: BackendRequest[] = [];
  let waiting: (() => void)[] = [];
  let connections = 0;
  const server = createServer(async (incoming, response) => {
    const closed = once(response, "close");
    let body = "";
    for await (const part of incoming.setEncoding("utf8")) body += part;
    const request = { headers: incoming.headers, body, response, closed };
    requests.push(request);
    answer(request);
    const told = waiting;
    waiting = [];
    for (const tell of told) tell();
  });
  server.on("connection", () => connections++);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/rpc`,
    requests,
    get connections() {
      return connections;
    },
    async arrived(count) {
      while (requests.length < count) {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
        });
      }
      const request = requests[count - 1];
      if (request === undefined) throw new Error("no such request");
      return request;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Returns a handler that answers with a status and a document. */
export function answerWith(
  status: number,
  document: unknown,
  headers: Record<string, string> = {},
): (request: BackendRequest) => void {
  return ({ response }) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(typeof document === "string" ? document : JSON.stringify(document));
  };
}
