import type { IncomingMessage, ServerResponse } from "node:http";
import { failure } from "@milepost/protocol";
import { sendProblem } from "../http/answer.ts";
import { pathOf } from "../http/claimed-paths.ts";
import type { OriginPolicy } from "../http/origin-policy.ts";
import { problemOf } from "../http/problem.ts";
import { type ConsoleFile, consoleFolder, readConsoleFiles } from "./console-files.ts";

/** Path of the console's page. */
const root = "/console";

/** Hosts that can stand in a policy as they are. */
const plainHost = /^[A-Za-z0-9._-]+(:\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](:\d{1,5})?$/;

/**
 * The console's static files at `/console`. They are public: they hold no data, and every figure is read with a
 * credential. Nothing else may frame them, and they load and call nothing but this gateway.
 */
export class ConsolePages {
  readonly #origins: Pick<OriginPolicy, "refusal">;
  readonly #folder: string | undefined;
  #files: ReadonlyMap<string, ConsoleFile> | undefined;
  /** True if the pages are served. */
  isOn = false;

  /** Creates the pages, which are off. The files are read with the first request. */
  constructor(origins: Pick<OriginPolicy, "refusal">, folder = consoleFolder()) {
    this.#origins = origins;
    this.#folder = folder;
  }

  /** True if a path is one of the console, while it is on. */
  claims(path: string): boolean {
    return this.isOn && (path === root || path.startsWith(`${root}/`));
  }

  /** Answers a request to the console, or returns false and leaves it as it was. */
  take(request: IncomingMessage, response: ServerResponse): boolean {
    const path = pathOf(request.url);
    if (!this.claims(path)) return false;
    const { host } = request.headers;
    const refusal = this.#origins.refusal({ ...(host !== undefined && { host }) });
    if (refusal !== undefined) sendProblem(response, problemOf(refusal));
    else this.#answer(request, response, path);
    // No answer depends on a body, so one that comes is read and thrown away.
    request.resume();
    return true;
  }

  #answer(request: IncomingMessage, response: ServerResponse, path: string): void {
    const { method, headers } = request;
    if (method !== "GET" && method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      const problem = problemOf(failure("bad_message", "this path accepts only GET, HEAD"));
      sendProblem(response, {
        ...problem,
        status: 405,
        title: "The path does not support this method.",
      });
      return;
    }
    for (const [name, value] of Object.entries(headersFor(headers.host))) {
      response.setHeader(name, value);
    }
    if (path === root) {
      // The address is relative, so that it holds behind a proxy that adds a prefix.
      response.writeHead(308, { Location: "console/", "Content-Length": 0 }).end();
      return;
    }
    this.#files ??= readConsoleFiles(this.#folder);
    const file = this.#files.get(path.slice(root.length + 1));
    if (file === undefined) {
      const missing =
        this.#files.size === 0
          ? "the console is not built; install @milepost/console, or run: npm run build"
          : "the console has no such file";
      sendProblem(response, problemOf(failure("not_found", missing)));
      return;
    }
    response.setHeader("ETag", file.etag);
    response.setHeader(
      "Cache-Control",
      file.isHashed ? "public, max-age=31536000, immutable" : "no-cache",
    );
    if (headers["if-none-match"] === file.etag) {
      response.writeHead(304).end();
      return;
    }
    response.writeHead(200, { "Content-Type": file.type, "Content-Length": file.body.length });
    response.end(method === "HEAD" ? undefined : file.body);
  }
}

function headersFor(host: string | undefined): Readonly<Record<string, string>> {
  // Not every browser counts WebSockets of the page's own host as 'self'.
  const sockets =
    host !== undefined && plainHost.test(host) ? ` ws://${host} wss://${host}` : " ws: wss:";
  return {
    "Content-Security-Policy": [
      "default-src 'self'",
      `connect-src 'self'${sockets}`,
      "object-src 'none'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join("; "),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
  };
}
