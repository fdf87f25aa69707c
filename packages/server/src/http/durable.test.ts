import { describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../testing/test-gateway.ts";
import { TestStream } from "../testing/test-stream.ts";

const subscribe = { type: "subscribe", id: 1, channel: "chat:42", as: "worker" };

async function streaming(server: TestGateway, token: string) {
  const stream = await TestStream.open(`${server.url}/v1/sse`, { token });
  const { connection_id: id } = await stream.next();
  const send = async (body: unknown) => {
    const path = `/v1/connections/${id}/messages`;
    return (await server.call("POST", path, { credential: token, body })).body;
  };
  return { stream, send };
}

describe("[P-ACK-10] a durable subscriber on an SSE stream", () => {
  it("[G11] a durable subscriber on SSE acknowledges by POST, and its next stream receives the unacknowledged entries", async () => {
    await using server = await startGateway();
    const token = await server.token();
    const first = await streaming(server, token);
    expect(await first.send(subscribe)).toMatchObject([{ id: 1, result: { recovered: false } }]);
    for (const data of [1, 2]) await server.gateway.publish("chat:42", "n", data);
    const one = await first.stream.nextOf("n");
    expect(one).toMatchObject({ data: 1, event_id: "" });
    expect(await first.stream.nextOf("n")).toMatchObject({ data: 2 });
    const { position } = one;
    expect(await first.send({ type: "ack", id: 2, channel: "chat:42", position })).toMatchObject([
      { id: 2, result: { channel: "chat:42", position } },
    ]);
    const second = await streaming(server, token);
    expect(await second.send(subscribe)).toMatchObject([{ result: { position, recovered: true } }]);
    expect(await second.stream.nextOf("n")).toMatchObject({ data: 2, attempt: 2 });
    expect(await first.stream.nextOf("unsubscribed")).toMatchObject({ reason: "taken_over" });
  });

  it("a poll refuses a durable subscriber, and an acknowledgement sent without a stream is answered with not_found", async () => {
    await using server = await startGateway();
    const credential = await server.token();
    const polled = await server.call("POST", "/v1/poll?wait=0", { credential, body: [subscribe] });
    expect([polled.status, polled.body.code]).toEqual([404, "not_supported"]);
    const { position } = await server.gateway.publish("chat:42", "n", 1);
    const ack = { type: "ack", id: 2, channel: "chat:42", position };
    const beside = await server.call("POST", "/v1/connections/-/messages", {
      credential,
      body: ack,
    });
    expect(beside.body).toMatchObject([{ id: 2, error: { code: "not_found" } }]);
  });
});
