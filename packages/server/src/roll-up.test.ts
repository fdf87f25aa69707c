import { describe, expect, it } from "vitest";
import { startGateway } from "./testing/test-gateway.ts";
import { TestStream } from "./testing/test-stream.ts";

const all = "collection:42:*";
const channels = { subscribe: ["collection:42:*", "collection:43:docs"] };

async function start() {
  const server = await startGateway();
  const token = await server.token({ user: "7", channels });
  return {
    server,
    token,
    publish: (doc: number) => server.gateway.publish(`collection:42:doc:${doc}`, "indexed", doc),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const sourced = (doc: number) => ({ channel: all, source: `collection:42:doc:${doc}`, data: doc });

describe("a roll-up of a prefix, at each door", () => {
  it("[P-WILD-2] a roll-up delivers entries with their source in both WebSocket dialects and can be resumed from a cursor", async () => {
    await using t = await start();
    const { server, token } = t;
    const plain = await server.socket(`/ws?channels=${all}`, { token });
    await plain.nextOf("subscribed");
    const sdk = await server.socket("/ws", { token, subprotocols: ["milepost.v1.json"] });
    await sdk.ask({ type: "subscribe", id: 1, channel: all });
    await t.publish(1);
    const first = await plain.nextOf("indexed");
    expect(first).toMatchObject(sourced(1));
    expect(await sdk.nextOf("event")).toMatchObject({ ...sourced(1), event: "indexed" });
    plain.terminate();
    await t.publish(2);
    const cursor = encodeURIComponent(first.event_id);
    const again = await server.socket(`/ws?last_event_id=${cursor}`, { token });
    expect(await again.nextOf("subscribed")).toMatchObject({ channel: all, recovered: true });
    expect(await again.nextOf("indexed")).toMatchObject(sourced(2));
  });

  it("[P-WILD-2] [P-SSE-4] a roll-up delivers entries over SSE and continues after Last-Event-ID", async () => {
    await using t = await start();
    const { server, token } = t;
    const url = `${server.url}/v1/sse?channels=${all}`;
    const stream = await TestStream.open(url, { token });
    await stream.nextEvent();
    await stream.nextEvent();
    await t.publish(1);
    const { message, id } = await stream.nextEvent();
    expect(message).toMatchObject(sourced(1));
    await t.publish(2);
    const again = await TestStream.open(url, {
      token,
      headers: { "Last-Event-ID": id ?? "" },
    });
    expect(await again.nextOf("subscribed")).toMatchObject({ channel: all, recovered: true });
    expect(await again.nextOf("indexed")).toMatchObject(sourced(2));
  });

  it("[P-WILD-2] [P-POLL-3] a roll-up delivers entries in long-poll batches", async () => {
    await using t = await start();
    const { server, token: credential } = t;
    const { cursor } = (await server.call("GET", `/v1/poll?channels=${all}`, { credential })).body;
    await t.publish(1);
    const next = await server.call("GET", `/v1/poll?since=${encodeURIComponent(cursor)}`, {
      credential,
    });
    expect(next.body.events).toMatchObject([sourced(1)]);
  });

  it("[P-WILD-2] a roll-up's history and head are readable over HTTP, its history also by request, and it can be purged", async () => {
    await using t = await start();
    const { server, token } = t;
    for (const doc of [1, 2]) await t.publish(doc);
    const entries = [1, 2].map((doc) => ({ source: `collection:42:doc:${doc}`, data: doc }));
    const history = await server.call("GET", `/v1/channels/${all}/history`, { credential: token });
    expect(history.body).toMatchObject({ channel: all, entries });
    const sdk = await server.socket("/ws", { token, subprotocols: ["milepost.v1.json"] });
    const asked = { type: "request", id: 1, method: "history.get", params: { channel: all } };
    expect((await sdk.ask(asked)).result).toMatchObject({ entries });
    const head = await server.call("GET", `/v1/channels/${all}/snapshot`);
    expect(head.body).toEqual({ channel: all, position: history.body.position });
    expect((await server.call("DELETE", `/v1/channels/${all}`)).status).toBe(204);
    const after = await server.call("GET", `/v1/channels/${all}/history`);
    expect(after.body.entries).toEqual([]);
  });

  it("[P-WILD-1] [P-WILD-4] the gateway refuses a wildcard that no rule or grant allows, and a publish to a wildcard", async () => {
    await using t = await start();
    const { server, token: credential } = t;
    const read = (channel: string) =>
      server.call("GET", `/v1/channels/${channel}/history`, { credential });
    expect((await read("collection:43:*")).body).toMatchObject({ code: "forbidden" });
    expect((await read("collection:42:doc:*")).body).toMatchObject({
      status: 400,
      code: "invalid_channel",
      detail: expect.stringContaining("collection:42:*"),
    });
    expect((await read("session:s1:*")).body).toMatchObject({ code: "invalid_channel" });
    const body = { channel: all, event: "e", data: 1 };
    expect((await server.call("POST", "/v1/publish", { body })).body).toMatchObject({
      code: "invalid_channel",
      detail: expect.stringContaining("only for reading"),
    });
  });
});
