import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { expect, test } from "vitest";
import { apiKey, startGateway, type TestGateway } from "../testing/test-gateway.ts";

/** Begins a POST to `/v1/publish` whose body has no announced length and is not ended. */
function begin(server: TestGateway, headers: Record<string, string> = {}): ClientRequest {
  const started = request(`${server.url}/v1/publish`, {
    method: "POST",
    headers: { Authorization: `Bearer ${apiKey}`, "Content-Type": "application/json", ...headers },
  });
  // The gateway may close the connection while the rest of the body is being sent.
  started.on("error", () => {});
  return started;
}

test("[P-HTTP-2] a body without a length is refused once it is too large, even if it never ends", async () => {
  await using server = await startGateway({ limits: { maxMessageBytes: 10_000 } });
  const endless = begin(server);
  endless.write(" ".repeat(10_001));
  const [response] = (await once(endless, "response")) as [IncomingMessage];
  expect(response.statusCode).toBe(413);
  endless.destroy();
});

test("a client that waits for 100 Continue before it sends its body receives it", async () => {
  await using server = await startGateway();
  const waiting = begin(server, { Expect: "100-continue" });
  waiting.flushHeaders();
  await once(waiting, "continue");
  waiting.end(JSON.stringify({ channel: "chat:1", event: "e", data: 1 }));
  const [response] = (await once(waiting, "response")) as [IncomingMessage];
  response.resume();
  expect(response.statusCode).toBe(200);
});
