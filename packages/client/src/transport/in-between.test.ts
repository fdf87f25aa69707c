import { closeVerdict, type ErrorCode, errorCodes } from "@milepost/protocol";
import { describe, expect, it } from "vitest";
import { settle } from "../testing/index.ts";
import type { Fetch } from "./http-endpoint.ts";
import { pollTransport } from "./poll-transport.ts";
import { sseTransport } from "./sse-transport.ts";

type Call = Parameters<Fetch>[1] & { readonly url: string };
type Answer = (call: Call) => Response | undefined;

const transports = { sse: sseTransport, poll: pollTransport };
const welcome = { type: "welcome", connection_id: "c1", user_id: "7", session_id: "s1" };

function page(html: string, status: number): Response {
  return new Response(html, { status, headers: { "Content-Type": "text/html; charset=utf-8" } });
}

function problem(code: ErrorCode): Response {
  const { status } = errorCodes[code];
  const document = { type: `urn:milepost:error:${code}`, title: "t", status, code, detail: "d" };
  return new Response(JSON.stringify(document), {
    status,
    headers: { "Content-Type": "application/problem+json" },
  });
}

/** Opens a connection to a gateway behind something that answers in its place where `answer` says so. */
async function opened(name: keyof typeof transports, answer: { of: Answer }) {
  const closes: [number, string][] = [];
  const frames: Record<string, unknown>[] = [];
  const received: unknown[] = [];
  const fetch: Fetch = async (url, init) => {
    const own = answer.of({ url, ...init });
    if (own !== undefined) return own;
    if (url.includes("/ws/sse")) {
      const text = new TextEncoder().encode(`data: ${JSON.stringify(welcome)}\n\n`);
      const body = new ReadableStream({ start: (controller) => controller.enqueue(text) });
      return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
    }
    if (url.includes("/ws/poll")) return Response.json([welcome]);
    received.push(...(JSON.parse(init.body ?? "[]") as unknown[]));
    return Response.json([]);
  };
  const connection = transports[name](fetch).open(
    {
      url: new URL("ws://gateway.test/ws"),
      token: "t",
      connectionId: undefined,
      schedule,
    } as never,
    {
      onFrame: (frame) => {
        const read: unknown = JSON.parse(String(frame));
        frames.push(...((Array.isArray(read) ? read : [read]) as Record<string, unknown>[]));
      },
      onClose: (code, reason) => closes.push([code, reason]),
    },
  );
  await settled();
  return { connection, closes, frames, received };
}

/** Schedule whose timers never end. */
const schedule = { after: () => () => {} };

/** Waits until streams and promises have come to rest. */
async function settled(): Promise<void> {
  for (let n = 0; n < 20; n++) await settle();
}

describe.each(Object.keys(transports) as (keyof typeof transports)[])(
  "a connection over %s",
  (name) => {
    it.each([
      ["a firewall's 403 in JSON", () => Response.json({ code: "WAF_BLOCKED" }, { status: 403 })],
      ["a 403 with our code", () => Response.json({ code: "forbidden" }, { status: 403 })],
      ["a 401 page", () => page("<html>log in</html>", 401)],
      ["a 400 page", () => page("<html>bad</html>", 400)],
      ["a 404 page", () => page("<html>not here</html>", 404)],
      ["a 413 page", () => page("<html>too large</html>", 413)],
      ["a 503 in JSON", () => Response.json({ code: "SERVICE_UNAVAILABLE" }, { status: 503 })],
      ["a captive portal", () => page("<html>welcome</html>", 200)],
      ["a redirect", () => new Response(null, { status: 302 })],
    ])("[P-HTTP-8] is lost, and not closed for good, by %s", async (_, make) => {
      const answer: { of: Answer } = { of: make };
      const first = await opened(name, answer);
      expect(first.closes.map(([code]) => code)).toEqual([1006]);
      expect(first.frames).toEqual([]);
      answer.of = () => undefined;
      const second = await opened(name, answer);
      expect(second.frames).toMatchObject([welcome]);
      answer.of = make;
      second.connection.send(['{"type":"publish","id":1,"channel":"a","event":"e"}'], 1_000);
      await settled();
      expect(second.closes.every(([code]) => closeVerdict(code) === "resume")).toBe(true);
    });

    it.each([
      ["unauthenticated", 4401],
      ["forbidden", 4403],
      ["token_expired", 4101],
      ["bad_message", 4400],
    ] as const)("is closed by the gateway's own %s as on a WebSocket", async (code, close) => {
      const { closes } = await opened(name, { of: () => problem(code) });
      expect(closes).toEqual([[close, "d"]]);
    });

    for (const [whose, tooLarge] of [
      ["of a proxy", () => page("<html>too large</html>", 413)],
      ["of the gateway", () => problem("too_large")],
    ] as const) {
      it(`[P-HTTP-8] a 413 ${whose} splits the messages, refuses the one that is too large, and keeps the connection`, async () => {
        let calls = 0;
        const { connection, closes, frames, received } = await opened(name, {
          of: ({ body = "" }) => {
            calls++;
            return body.length > 300 ? tooLarge() : undefined;
          },
        });
        const messages = Array.from({ length: 40 }, (_, id) => {
          const data = id === 17 ? "x".repeat(1_000) : "y";
          return JSON.stringify({ type: "publish", id, channel: "a", event: "e", data });
        });
        connection.send(messages, 1_000_000);
        for (let n = 0; n < 20; n++) await settled();
        const ids = (received as { id: number }[]).map(({ id }) => id);
        expect(ids).toEqual(Array.from({ length: 40 }, (_, id) => id).filter((id) => id !== 17));
        expect(closes).toEqual([]);
        expect(frames.filter(({ type }) => type === "reply")).toMatchObject([
          { id: 17, error: { code: "too_large", retryable: false } },
        ]);
        expect(calls).toBeLessThan(80);
        connection.release();
      });
    }
  },
);
