import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { Api } from "./api.ts";
import { TestTerminal } from "./testing/test-terminal.ts";

async function apiOf(listener: RequestListener, timeoutMs: number) {
  const server = createServer(listener).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const terminal = new TestTerminal({ MILEPOST_API_KEY: "key-of-the-test-service" });
  return new Api(terminal, `http://127.0.0.1:${port}`, timeoutMs);
}

describe("a call of the HTTP API", () => {
  it("a call of the HTTP API that is not answered fails with a message that says how long it waited, not as an unreachable gateway", async () => {
    const api = await apiOf(() => {}, 50);
    await expect(api.get("/v1/operations")).rejects.toThrow(
      /^no answer from http:\/\/127.0.0.1:\d+ in 0.05 s$/,
    );
    await expect(api.post("/v1/publish")).rejects.toThrow(
      / in 0.05 s; the request may have taken effect all the same$/,
    );
  });

  it("a call of the HTTP API whose response stops half-way fails with a message that there was no answer", async () => {
    const api = await apiOf((_request, response) => void response.write('{"half":'), 50);
    await expect(api.get("/v1/operations")).rejects.toThrow(/^no answer from /);
  });

  it("a call of the HTTP API to a port without a listener fails as an unreachable gateway", async () => {
    const terminal = new TestTerminal({ MILEPOST_API_KEY: "key-of-the-test-service" });
    const api = new Api(terminal, "http://127.0.0.1:1");
    await expect(api.get("/v1/operations")).rejects.toThrow(/^cannot reach /);
  });

  it.each([
    [503, "application/json", '{"code":"SERVICE_UNAVAILABLE","detail":"no"}'],
    [403, "application/json", '{"code":"forbidden","detail":"no"}'],
    [401, "text/html", "<html>log in</html>"],
    [413, "text/html", "<html>too large</html>"],
  ])(
    "[P-HTTP-8] an answer %i of something in between is not shown as the gateway's",
    async (status, type, body) => {
      const api = await apiOf((_request, response) => {
        response.writeHead(status, { "content-type": type }).end(body);
      }, 5_000);
      await expect(api.get("/v1/operations")).rejects.toThrow(`HTTP ${status}, not from a gateway`);
    },
  );

  it("[P-HTTP-8] a refusal of the gateway is shown with its code and its detail", async () => {
    const type = "urn:milepost:error:forbidden";
    const api = await apiOf((_request, response) => {
      response.writeHead(403, { "content-type": "application/problem+json" });
      response.end(JSON.stringify({ type, code: "forbidden", detail: "not this key" }));
    }, 5_000);
    await expect(api.get("/v1/operations")).rejects.toThrow(/^forbidden: not this key$/);
  });

  it("[P-HTTP-8] a page with the status 200 is no success, and an empty answer 204 is one", async () => {
    const portal = await apiOf((_request, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<html>welcome</html>");
    }, 5_000);
    await expect(portal.get("/v1/operations")).rejects.toThrow(
      /does not come from a Milepost gateway/,
    );
    const empty = await apiOf((_request, response) => void response.writeHead(204).end(), 5_000);
    await expect(empty.delete("/v1/dead-letters/a")).resolves.toBeUndefined();
  });
});
