import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { CoreLog } from "@milepost/core";
import { isLoopback } from "../config/exposure.ts";
import { explainListenError } from "../http/listen-error.ts";
import { safeHeaders } from "../http/safe-headers.ts";
import type { GatewayMetrics } from "./gateway-metrics.ts";

/** Connections of scrapers that the port accepts at one time. */
const maxScrapers = 32;
/** Time that a scraper has to send its request, and to take each part of the answer, in milliseconds. */
const timeoutMs = 10_000;

/** Port that answers `GET /metrics` without a key, and nothing else. */
export class MetricsServer {
  readonly #metrics: Pick<GatewayMetrics, "expose">;
  readonly #log: Pick<CoreLog, "error">;
  readonly #server: Server;
  #isLocal = true;

  constructor(metrics: Pick<GatewayMetrics, "expose">, log: Pick<CoreLog, "error">) {
    this.#metrics = metrics;
    this.#log = log;
    this.#server = createServer(
      { headersTimeout: timeoutMs, requestTimeout: timeoutMs, maxHeaderSize: 8_192 },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.maxConnections = maxScrapers;
    this.#server.timeout = timeoutMs;
  }

  /** Resolves with the address once the port is open; rejects with an error that says what to do. */
  async listen(port: number, host: string): Promise<AddressInfo> {
    this.#isLocal = isLoopback(host);
    this.#server.listen({ port, host });
    try {
      await once(this.#server, "listening");
    } catch (cause) {
      throw new Error(explainListenError(cause, port, host), { cause });
    }
    return this.#server.address() as AddressInfo;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = "", headers } = request;
    if (this.#isLocal && !namesLoopback(headers.host)) {
      // A page whose name was pointed at this machine must not read the port.
      return refuse(response, 403, "this port answers only to localhost and loopback addresses");
    }
    if (url.split("?", 1)[0] !== "/metrics") {
      return refuse(response, 404, "this port has only /metrics");
    }
    if (method !== "GET" && method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return refuse(response, 405, "this path accepts only GET and HEAD");
    }
    try {
      const { contentType, body } = await this.#metrics.expose(headers.accept);
      response.writeHead(200, {
        ...safeHeaders,
        "Content-Type": contentType,
        "Content-Length": Buffer.byteLength(body),
      });
      response.end(method === "HEAD" ? undefined : body);
    } catch (error) {
      this.#log.error(
        { event: "metrics.failed", err: error },
        "the metrics could not be collected",
      );
      refuse(response, 500, "the metrics could not be collected; the log has the reason");
    }
  }
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { ...safeHeaders, "Content-Type": "text/plain; charset=utf-8" });
  response.end(`${text}\n`);
}

/** True if the `Host` of a request is a loopback name or address; a request without one is of HTTP/1.0. */
function namesLoopback(host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return isLoopback(name);
}
