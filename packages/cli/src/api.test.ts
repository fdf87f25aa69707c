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
});
