import { Agent, request } from "node:https";
import type { LookupFunction } from "node:net";
import type { CheckedTarget, Egress } from "./egress.ts";

/** Request to a target outside. */
export interface GuardedPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  /** Time for resolving, connecting and the whole answer, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Answer of a target; its body is not kept. */
export interface GuardedAnswer {
  readonly status: number;
  /** Time that the target asks to wait before the next request, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/** Bytes of an answer that are read before the connection is closed. */
const maxAnswerBytes = 65_536;

/**
 * Posts to a target that an {@link Egress} permits: only to the addresses that were checked, on a connection of its own,
 * with the target's host in the certificate. Redirects are not followed, and at most 64 KiB of the answer are read.
 *
 * Rejects with a `RefusedTarget` for a target that may not be called, and with the network's error otherwise.
 */
export async function guardedPost(
  egress: Egress,
  { url, headers, body, timeoutMs, signal }: GuardedPost,
): Promise<GuardedAnswer> {
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  const timer = setTimeout(() => controller.abort(new NoAnswerInTime()), timeoutMs);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    const target = await until(controller.signal, egress.check(url));
    return await post(target, { headers, body, signal: controller.signal, ca: egress.ca });
  } catch (error) {
    // Node hides the reason behind an error of its own.
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

/** Error of a target that has not answered within its time. */
export class NoAnswerInTime extends Error {}

function post(
  target: CheckedTarget,
  {
    headers,
    body,
    signal,
    ca,
  }: Pick<GuardedPost, "headers" | "body" | "signal"> & { readonly ca: string | undefined },
): Promise<GuardedAnswer> {
  const { hostname } = target.url;
  return new Promise((resolve, reject) => {
    const sent = request(target.url, {
      method: "POST",
      // A connection that is kept could outlive the answer of the name server that was checked.
      agent: new Agent({ keepAlive: false, maxCachedSessions: 0 }),
      lookup: pinnedTo(target.addresses),
      servername: hostname.startsWith("[") || /^[\d.]+$/.test(hostname) ? "" : hostname,
      headers: { ...headers, "Content-Length": Buffer.byteLength(body) },
      signal,
      ...(ca === undefined ? {} : { ca }),
    });
    sent.on("error", reject);
    sent.on("response", (response) => {
      const { statusCode: status = 0 } = response;
      const answer = { status, retryAfterMs: retryAfterOf(response.headers["retry-after"]) };
      let bytes = 0;
      response.on("data", (part: Buffer) => {
        bytes += part.length;
        if (bytes <= maxAnswerBytes) return;
        // The status is all that counts.
        resolve(answer);
        sent.destroy();
      });
      response.on("end", () => resolve(answer));
      response.on("error", reject);
    });
    sent.end(body);
  });
}

/** Returns a lookup that knows only the addresses that were checked. */
function pinnedTo(
  addresses: readonly { readonly text: string; readonly family: "ipv4" | "ipv6" }[],
): LookupFunction {
  const all = addresses.map(({ text, family }) => ({
    address: text,
    family: family === "ipv4" ? 4 : 6,
  }));
  return (_host, options, callback) => {
    const [first] = all;
    if (options.all === true) callback(null, all);
    else callback(null, first?.address ?? "", first?.family ?? 4);
  };
}

function until<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function retryAfterOf(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : undefined;
}
