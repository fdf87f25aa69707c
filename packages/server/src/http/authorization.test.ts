import { expect, test } from "vitest";
import { apiKey, startGateway } from "../testing/test-gateway.ts";

test("[P-HTTP-1] a token in the URL is a credential for streams and polls, and for no other request", async () => {
  await using server = await startGateway();
  const token = await server.token();
  const status = async (path: string) =>
    (
      await server.call("GET", `${path}${path.includes("?") ? "&" : "?"}token=${token}`, {
        credential: null,
      })
    ).status;
  expect(await status("/v1/poll?channels=chat:1&wait=0")).toBe(200);
  expect(await status("/v1/operations")).toBe(401);
  expect(await status("/v1/channels/chat:1/history")).toBe(401);
});

test("[P-HTTP-1] the Authorization header of a request counts more than a token in its URL", async () => {
  await using server = await startGateway();
  const token = await server.token();
  const path = `/v1/poll?channels=user:8&wait=0&token=${token}`;
  const refused = await server.call("GET", path, { credential: "unknown-key" });
  expect(refused.status).toBe(401);
  const ofToken = await server.call("GET", path, { credential: null });
  expect(ofToken.status).toBe(403);
  const ofService = await server.call("GET", path, { credential: apiKey });
  expect(ofService.status).toBe(200);
});
