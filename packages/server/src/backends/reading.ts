import {
  cutText,
  isErrorCode,
  isRecord,
  JsonText,
  MilepostError,
  parseJson,
  refused,
} from "@milepost/protocol";
import type { Posting } from "./exchange.ts";

const maxDetailLength = 500;
const maxRetryAfterMs = 600_000;

/** Returns the result in a backend's answer; throws the error that the answer represents otherwise. */
export function resultOf({ status, headers, text }: Posting, method: string): unknown {
  if (status >= 200 && status < 300) return readResult(text, method);
  if (status >= 500 || status === 0) {
    throw new MilepostError("unavailable", `the backend of ${method} is failing; try again later`, {
      ...retryAfter(headers["retry-after"]),
    });
  }
  if (status >= 400) throw refusal(status, text, headers["retry-after"], method);
  throw new MilepostError(
    "backend_failed",
    `the backend of ${method} answered with status ${status}; only 2xx carries a result, and redirects are not followed`,
  );
}

function readResult(text: string | undefined, method: string): unknown {
  if (text === "") return null;
  const json = text === undefined ? refused("bad_json", "it is not UTF-8") : JsonText.parse(text);
  if (json.ok) return json.value;
  const message = `the backend of ${method} sent an answer that is not a JSON result: ${json.failure.message}`;
  throw new MilepostError("backend_failed", message);
}

/**
 * Maps a 4xx answer to an error. A problem document with a Milepost code becomes that error, 429 becomes
 * `rate_limited`, and anything else `backend_failed`.
 */
function refusal(
  status: number,
  text: string | undefined,
  retryAfterText: string | undefined,
  method: string,
): MilepostError {
  const json = parseJson(text ?? "");
  const problem = json.ok && isRecord(json.value) ? json.value : {};
  const { code, detail, title } = problem;
  const said = [detail, title].find((part) => typeof part === "string" && part !== "");
  const message =
    typeof said === "string"
      ? cutText(said, maxDetailLength)
      : `the backend of ${method} answered with status ${status}`;
  const known = isErrorCode(code) ? code : status === 429 ? "rate_limited" : "backend_failed";
  return new MilepostError(known, message, retryAfter(retryAfterText));
}

function retryAfter(text: string | undefined): { readonly retryAfterMs?: number } {
  if (text === undefined || !/^\d{1,6}$/.test(text)) return {};
  return { retryAfterMs: Math.min(Number(text) * 1_000, maxRetryAfterMs) };
}
