import { describe, expect, it } from "vitest";
import { hostileOrigins } from "../testing/hostile-origins.ts";
import { exchange, upgradeRequest } from "../testing/raw-http.ts";
import { apiKey, startGateway } from "../testing/test-gateway.ts";

const page = "https://app.example.com";
const allowedOrigins = [page, "http://localhost:5173"];
const gatewayHost = "gateway.example.com";

/** Requests that a page can make of each door, as bytes. Each carries a credential that the door accepts. */
function doorsWith(token: string): Record<string, (headers: Record<string, string>) => string> {
  const bearer = { Authorization: `Bearer ${token}` };
  const plain = (method: string, path: string, body?: string) => (headers: object) => {
    const sized =
      body === undefined
        ? {}
        : { "Content-Type": "application/json", "Content-Length": String(body.length) };
    const all = { Host: gatewayHost, Connection: "close", ...bearer, ...sized, ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    return `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body ?? ""}`;
  };
  const upgrade = (path: string) => (headers: object) =>
    upgradeRequest(path, { Host: gatewayHost, ...bearer, ...headers });
  return {
    WebSocket: upgrade("/ws/chat/1"),
    "the session feed": upgrade("/ws/progress/s1"),
    SSE: plain("GET", "/v1/sse?channels=chat:1"),
    "long-poll": plain("GET", "/v1/poll?channels=chat:1&wait=0"),
    "a long-poll of the SDK": plain("POST", "/v1/poll?wait=0", "[]"),
    "the messages of an SSE stream": plain("POST", "/v1/connections/c1/messages", "[]"),
    "a publish": plain("POST", "/v1/publish", '{"channel":"chat:1","event":"e","data":1}'),
    "a preflight": plain("OPTIONS", "/v1/publish"),
    "a list of operations": plain("GET", "/v1/operations"),
  };
}

const doorNames = Object.keys(doorsWith(""));

/** Status of the answer, read from a connection that the client ends as soon as it has the head. */
async function statusOf(port: number, request: string): Promise<number> {
  const answer = await exchange(port, request, { untilHead: true });
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
}

describe.each(doorNames)("%s", (name) => {
  it(`[P-ORI-1] [P-ORI-4] ${name} is refused with 403 for every hostile origin, and sends no CORS header`, async () => {
    await using server = await startGateway({ allowedOrigins });
    const request = doorsWith(await server.token())[name] ?? (() => "");
    for (const origin of hostileOrigins) {
      const answer = await exchange(server.port, request({ Origin: origin }), { untilHead: true });
      expect(answer, origin).toMatch(/^HTTP\/1\.1 403 /);
      expect(answer).not.toMatch(/access-control-allow-origin/i);
    }
    expect(await statusOf(server.port, request({ Origin: page }))).not.toBe(403);
    expect(server.gateway.stats().connections).toBeLessThanOrEqual(1);
  });

  it(`[P-ORI-1] ${name} is open to a page of the gateway's own host only where no origin is listed`, async () => {
    await using listed = await startGateway({ allowedOrigins });
    await using unlisted = await startGateway();
    const own = { Origin: `https://${gatewayHost}` };
    const at = async (server: typeof listed, headers: Record<string, string>) => {
      const request = doorsWith(await server.token())[name] ?? (() => "");
      return statusOf(server.port, request(headers));
    };
    expect(await at(listed, own)).toBe(403);
    expect(await at(unlisted, own)).not.toBe(403);
    expect(await at(unlisted, { Origin: page })).toBe(403);
  });

  it(`[P-ORI-2] ${name} is refused under a Host that allowedHosts does not name, also for a page of that Host`, async () => {
    await using server = await startGateway({ allowedHosts: [gatewayHost] });
    const request = doorsWith(await server.token())[name] ?? (() => "");
    const rebound = { Host: "evil.example", Origin: "http://evil.example" };
    expect(await statusOf(server.port, request(rebound))).toBe(403);
    expect(await statusOf(server.port, request({ Host: "evil.example" }))).toBe(403);
    expect(await statusOf(server.port, request({ Origin: `https://${gatewayHost}` }))).not.toBe(
      403,
    );
  });

  it.skipIf(name === "a preflight")(
    `[P-ORI-3] ${name} is refused to a user without an Origin where missingOrigin is refuse`,
    async () => {
      await using server = await startGateway({ allowedOrigins, missingOrigin: "refuse" });
      const request = doorsWith(await server.token())[name] ?? (() => "");
      expect(await statusOf(server.port, request({}))).toBe(403);
      expect(await statusOf(server.port, request({ Origin: page }))).not.toBe(403);
    },
  );
});

it("[P-ORI-2] [P-ORI-3] a service with an API key needs no Origin, and /healthz and /readyz need no Host of the list", async () => {
  const settings = { missingOrigin: "refuse", allowedHosts: [gatewayHost] } as const;
  await using server = await startGateway(settings);
  const doors = doorsWith(apiKey);
  expect(await statusOf(server.port, doors["a publish"]?.({}) ?? "")).toBe(200);
  for (const [path, status] of [
    ["/healthz", 200],
    ["/readyz", 200],
    ["/ws/health", 403],
    ["/openapi.json", 403],
  ] as const) {
    expect((await server.call("GET", path, { credential: null })).status, path).toBe(status);
  }
});
