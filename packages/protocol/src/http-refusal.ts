import { type Failure, failure, isDelay } from "./failure.ts";
import { isRecord } from "./json.ts";
import { isErrorCode } from "./retryable-codes.ts";

/** Part of an HTTP response that {@link readRefusal} uses. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** Body of the response; it is read only if it may be a problem document. */
  readonly body?: { cancel(): Promise<void> } | null;
  text(): Promise<string>;
}

/** Meaning of an HTTP response with an error status. */
export interface HttpRefusal {
  readonly failure: Failure;
  /** True if a gateway said so; false if something in between did, such as a load balancer. */
  readonly isOfGateway: boolean;
  /** The problem document; undefined if there is none. */
  readonly body: unknown;
}

/**
 * Reads an HTTP response with an error status.
 *
 * Only a problem document of a gateway, with a code that this version knows, is the gateway's word. Anything else
 * comes from something in between, and its status decides: 413 is `too_large`, 429 is `rate_limited`, and every
 * other one is `internal`, which is retryable.
 */
export async function readRefusal(response: HttpAnswer): Promise<HttpRefusal> {
  const { status, headers } = response;
  const isProblem = /^application\/problem\+json\b/i.test(headers.get("content-type") ?? "");
  const body = isProblem ? parseJsonOr(await response.text().catch(() => "")) : undefined;
  // A body that is not read would keep its connection.
  if (!isProblem) void response.body?.cancel().catch(() => {});
  const { code, type, detail, retry_after_ms } = isRecord(body) ? body : {};
  const afterMs = isDelay(retry_after_ms) ? retry_after_ms : retryAfterMs(headers);
  if (isErrorCode(code) && type === `urn:milepost:error:${code}`) {
    return { failure: failure(code, String(detail ?? code), afterMs), isOfGateway: true, body };
  }
  const error = status === 413 ? "too_large" : status === 429 ? "rate_limited" : "internal";
  const says = `HTTP ${status}, not from a gateway; check the address and any proxy`;
  return { failure: failure(error, says, afterMs), isOfGateway: false, body };
}

/** Returns the wait that the header `Retry-After` asks for, in milliseconds: it has seconds or a date. */
function retryAfterMs(headers: HttpAnswer["headers"]): number | undefined {
  const text = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const ms = Date.parse(text) - Date.parse(headers.get("date") ?? "");
  return isDelay(ms) ? ms : undefined;
}

function parseJsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
