import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { GatewayNode } from "./gateway-nodes.ts";

/**
 * Passes requests and WebSockets on to the nodes, each to the next node that is up. It stands for a load balancer: a client
 * that reconnects may come to any node.
 */
export class Balancer {
  readonly #nodes: () => readonly GatewayNode[];
  #turn = 0;

  constructor(nodes: () => readonly GatewayNode[]) {
    this.#nodes = nodes;
  }

  /** Answers a request with the answer of a node. */
  forward(incoming: IncomingMessage, response: ServerResponse): void {
    const node = this.#next();
    if (node === undefined) {
      response.writeHead(503, { "retry-after": "1" }).end();
      return;
    }
    const { method, url, headers } = incoming;
    const outgoing = request(
      { host: "127.0.0.1", port: node.port, method, path: url, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        response.flushHeaders();
        answer.pipe(response);
        answer.once("error", () => response.destroy());
      },
    );
    outgoing.once("error", () => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502, { "retry-after": "1" }).end();
    });
    response.once("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
  }

  /** Connects the socket of a WebSocket handshake to a node. */
  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const node = this.#next();
    if (node === undefined) {
      socket.end("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n");
      return;
    }
    const behind: Socket = connect(node.port, "127.0.0.1", () => {
      const { method, url, rawHeaders } = incoming;
      const lines = [`${method} ${url} HTTP/1.1`];
      for (let i = 0; i < rawHeaders.length; i += 2)
        lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
      behind.write(`${lines.join("\r\n")}\r\n\r\n`);
      behind.write(head);
      behind.pipe(socket);
      socket.pipe(behind);
    });
    behind.setNoDelay(true);
    behind.on("error", () => socket.destroy());
    behind.once("close", () => socket.destroy());
    socket.once("close", () => behind.destroy());
  }

  #next(): GatewayNode | undefined {
    const up = this.#nodes().filter(({ isUp }) => isUp);
    return up[this.#turn++ % up.length];
  }
}
