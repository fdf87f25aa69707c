import { describe, expect, it } from "vitest";
import { type ErrorCode, errorCodes } from "./error-codes.ts";
import { readRefusal } from "./http-refusal.ts";
import { retryableCodes } from "./retryable-codes.ts";

const problemType = { "content-type": "application/problem+json" };

function answer(status: number, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return readRefusal(new Response(text, { status, headers }));
}

function problem(code: string, rest: object = {}) {
  return { type: `urn:milepost:error:${code}`, title: "t", detail: "says", code, ...rest };
}

describe("an HTTP response with an error status", () => {
  it.each(Object.keys(errorCodes) as ErrorCode[])(
    "[P-HTTP-8] a problem document with the code %s is the gateway's word",
    async (code) => {
      const { status } = errorCodes[code];
      expect(await answer(status, problem(code), problemType)).toEqual({
        isOfGateway: true,
        body: problem(code),
        failure: { code, message: "says", retryable: retryableCodes[code] },
      });
    },
  );

  it.each([
    ["JSON with a code of its own", { code: "SERVICE_UNAVAILABLE" }, {}],
    ["JSON with one of our codes", { code: "forbidden", detail: "no" }, {}],
    [
      "our document with another media type",
      problem("forbidden"),
      { "content-type": "application/json" },
    ],
    [
      "a problem document of another type",
      { ...problem("forbidden"), type: "about:blank" },
      problemType,
    ],
    ["a problem document without a type", { code: "forbidden", detail: "no" }, problemType],
    ["our document with an unknown code", problem("invented_later"), problemType],
    ["a code that every object has", problem("constructor"), problemType],
    ["HTML", "<html>blocked</html>", { "content-type": "text/html" }],
    ["a broken document", '{"type":', problemType],
    ["JSON that is no object", "7", problemType],
    ["nothing", "", problemType],
  ])(
    "[P-HTTP-8] %s is not the gateway's word, and the status decides",
    async (_, body, headers) => {
      const expected: Record<number, [ErrorCode, boolean]> = {
        301: ["internal", true],
        400: ["internal", true],
        401: ["internal", true],
        403: ["internal", true],
        404: ["internal", true],
        413: ["too_large", false],
        429: ["rate_limited", true],
        500: ["internal", true],
        502: ["internal", true],
        503: ["internal", true],
      };
      for (const [status, [code, retryable]] of Object.entries(expected)) {
        const { failure, isOfGateway } = await answer(Number(status), body, headers);
        expect([status, isOfGateway, failure.code, failure.retryable]).toEqual([
          status,
          false,
          code,
          retryable,
        ]);
        expect(failure.message).toContain(`HTTP ${status}`);
      }
    },
  );

  it("the wait is that of the document, or of Retry-After in seconds or as a date", async () => {
    const date = "Sun, 29 Nov 2026 12:00:00 GMT";
    const later = "Sun, 29 Nov 2026 12:00:30 GMT";
    for (const [body, headers, ms] of [
      [problem("rate_limited", { retry_after_ms: 250 }), { "retry-after": "9" }, 250],
      [problem("rate_limited"), { "retry-after": "9" }, 9_000],
      [problem("rate_limited", { retry_after_ms: -1 }), {}, undefined],
      ["", { "retry-after": "3" }, 3_000],
      ["", { "retry-after": later, date }, 30_000],
      ["", { "retry-after": "soon" }, undefined],
      ["", {}, undefined],
    ] as const) {
      const { failure } = await answer(503, body, { ...problemType, ...headers });
      expect(failure.retry_after_ms).toBe(ms);
    }
  });

  it("a long body that is no problem document is not read", async () => {
    let cancelled = 0;
    const body = {
      cancel: async () => {
        cancelled++;
      },
    };
    const text = () => Promise.reject(new Error("must not be read"));
    const { failure } = await readRefusal({ status: 502, headers: new Headers(), body, text });
    expect([failure.code, cancelled]).toEqual(["internal", 1]);
  });
});
