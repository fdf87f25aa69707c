import { expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";
import { TestStream } from "../testing/test-stream.ts";

it("[P-SSE-11] an event stream and its upstream are served below /ws, with a token in the query or a header", async () => {
  await using server = await startGateway();
  const token = await server.token();
  const stream = await TestStream.open(`${server.url}/ws/sse?channels=chat:42&token=${token}`);
  const { connection_id: id } = await stream.nextOf("welcome");
  await stream.nextOf("subscribed");
  const publish = { type: "publish", id: 1, channel: "chat:42", event: "said", data: 1 };
  const sent = await server.call("POST", `/ws/connections/${id}/messages`, {
    credential: token,
    body: [publish, { type: "subscribe", id: 2, channel: "chat:43" }],
  });
  expect(sent).toMatchObject({
    status: 200,
    body: [
      { id: 1, result: { duplicate: false } },
      { id: 2, result: { channel: "chat:43" } },
    ],
  });
  expect(await stream.nextOf("said")).toMatchObject({ channel: "chat:42", data: 1 });
});

it("[P-SSE-11] a long-poll is served below /ws", async () => {
  await using server = await startGateway();
  const credential = await server.token();
  const first = await server.call("GET", "/ws/poll?channels=chat:42", { credential });
  expect(first).toMatchObject({ status: 200, body: { events: [{ type: "subscribed" }] } });
  await server.gateway.publish("chat:42", "said", 2);
  const since = encodeURIComponent(first.body.cursor);
  const next = await server.call("GET", `/ws/poll?since=${since}`, { credential });
  expect(next.body.events).toMatchObject([{ type: "said", data: 2 }]);
  const sdk = await server.call("POST", "/ws/poll?wait=0", { credential, body: [] });
  expect(sdk.body).toMatchObject([{ type: "welcome" }]);
});

it("[P-SSE-11] the paths below /ws ask for the same credential, methods and origins as those below /v1", async () => {
  await using server = await startGateway();
  for (const path of ["/ws/sse", "/ws/poll?channels=chat:42"]) {
    expect(await server.call("GET", path, { credential: null })).toMatchObject({ status: 401 });
    expect(await server.call("PUT", path)).toMatchObject({ status: 405 });
    const headers = { Origin: "https://elsewhere.example" };
    expect(await server.call("GET", path, { headers })).toMatchObject({ status: 403 });
  }
  const messages = await server.call("POST", "/ws/connections/-/messages", {
    credential: null,
    body: [],
  });
  expect(messages.status).toBe(401);
});
