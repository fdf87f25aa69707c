import { describe, expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";

const ndjson = { "Content-Type": "application/x-ndjson" };

describe("POST /v1/publish", () => {
  it("[P-HTTP-5] a publish is answered once the entry is in the log, and subscribers receive it", async () => {
    await using server = await startGateway();
    const socket = await server.socket("/ws/chat/42");
    await socket.nextOf("subscribed");
    const { status, body } = await server.call("POST", "/v1/publish", {
      body: { channel: "chat:42", event: "message", data: { text: "hello" } },
    });
    expect(status).toBe(200);
    expect(body).toEqual({
      results: [{ channel: "chat:42", position: expect.any(String), duplicate: false }],
    });
    expect(await socket.next()).toMatchObject({
      type: "message",
      channel: "chat:42",
      data: { text: "hello" },
      event_id: `chat:42@${body.results[0].position}`,
    });
  });

  it("[P-HTTP-5] a publish with a used key returns the first position and creates no entry", async () => {
    await using server = await startGateway();
    const body = { channel: "chat:42", event: "message", data: 1, key: "k" };
    const first = await server.call("POST", "/v1/publish", { body });
    const second = await server.call("POST", "/v1/publish", { body: { ...body, data: 2 } });
    expect(second.body.results).toEqual([{ ...first.body.results[0], duplicate: true }]);
    const { body: history } = await server.call("GET", "/v1/channels/chat:42/history?since=start");
    expect(history.entries).toHaveLength(1);
  });

  it("[P-PUB-2] a publish with half of a surrogate pair in its key is refused, and stores nothing", async () => {
    await using server = await startGateway();
    for (const key of ["\ud800", "\ud801"]) {
      const body = { channel: "chat:42", event: "message", data: 1, key };
      expect(await server.call("POST", "/v1/publish", { body })).toMatchObject({
        status: 400,
        body: { code: "bad_message", detail: expect.stringContaining("well-formed Unicode") },
      });
    }
    const { body: history } = await server.call("GET", "/v1/channels/chat:42/history?since=start");
    expect(history.entries).toEqual([]);
  });

  it("[P-OUT-2] a publish accepts a known priority and refuses an unknown one", async () => {
    await using server = await startGateway();
    const body = { channel: "chat:42", event: "message", data: 1 };
    const urgent = { ...body, priority: "high" };
    expect(await server.call("POST", "/v1/publish", { body: urgent })).toMatchObject({
      status: 200,
    });
    expect(
      await server.call("POST", "/v1/publish", { body: { ...body, priority: "urgent" } }),
    ).toMatchObject({ status: 400, body: { code: "bad_message" } });
  });

  it("[P-HTTP-7] a single publish that fails is answered with a problem document and its status", async () => {
    await using server = await startGateway();
    const { status, body } = await server.call("POST", "/v1/publish", {
      body: { channel: "chat:*", event: "message", data: 1 },
    });
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: "invalid_channel", status: 400 });
  });

  it("[P-HTTP-3] a publish to many channels has one result for each, and a bad channel does not affect the others", async () => {
    await using server = await startGateway();
    const { status, body } = await server.call("POST", "/v1/publish", {
      body: { channels: ["chat:1", "bad channel", "chat:2"], event: "message", data: 1 },
    });
    expect(status).toBe(200);
    expect(body.results).toEqual([
      { channel: "chat:1", position: expect.any(String), duplicate: false },
      { error: { code: "invalid_channel", message: expect.any(String), retryable: false } },
      { channel: "chat:2", position: expect.any(String), duplicate: false },
    ]);
  });

  it("[P-HTTP-3] an NDJSON publish has one result per line, in order, and a bad line does not affect the others", async () => {
    await using server = await startGateway();
    const lines = [
      '{"channel":"chat:1","event":"message","data":0}',
      "{nonsense",
      "",
      '{"channel":"chat:1","event":"message"}',
      '{"channel":"chat:1","event":"reply","data":0}\r',
      ...Array.from(
        { length: 100 },
        (_, n) => `{"channel":"chat:1","event":"message","data":${n + 1}}`,
      ),
      "",
    ];
    const { status, body } = await server.call("POST", "/v1/publish", {
      body: lines.join("\n"),
      headers: ndjson,
    });
    expect(status).toBe(200);
    expect(body.results).toHaveLength(104);
    expect(
      body.results.slice(1, 4).map((result: { error: { code: string } }) => result.error.code),
    ).toEqual(["bad_json", "bad_message", "invalid_event"]);
    const history = await server.call("GET", "/v1/channels/chat:1/history?since=start&limit=1000");
    const entries: { position: string; data: number }[] = history.body.entries;
    expect(entries.map(({ data }) => data)).toEqual(Array.from({ length: 101 }, (_, n) => n));
    expect(entries.at(-1)?.position).toBe(body.results.at(-1).position);
  });

  it("[P-STORE-4] the data of a publish, once for each of its channels, must fit the size of a message", async () => {
    await using server = await startGateway({ limits: { maxMessageBytes: 10_000 } });
    const channels = Array.from({ length: 10 }, (_, n) => `chat:${n}`);
    const publish = (length: number) => {
      const body = { channels, event: "message", data: "x".repeat(length) };
      return server.call("POST", "/v1/publish", { body });
    };
    expect(await publish(998)).toMatchObject({ status: 200 });
    expect(await publish(999)).toMatchObject({ status: 413, body: { code: "too_large" } });
    const line = JSON.stringify({ channels, event: "message", data: "x".repeat(300) });
    const { body } = await server.call("POST", "/v1/publish", {
      body: Array(5).fill(line).join("\n"),
      headers: ndjson,
    });
    const codes = body.results.map((result: { error?: { code: string } }) => result.error?.code);
    expect(codes).toEqual([...Array(30).fill(undefined), "too_large", "too_large"]);
  });

  it("[P-PUB-3] a user may publish where the token grants it and is forbidden elsewhere", async () => {
    await using server = await startGateway();
    const credential = await server.token();
    const publish = (channel: string) =>
      server.call("POST", "/v1/publish", { credential, body: { channel, event: "e", data: 1 } });
    expect(await publish("chat:42")).toMatchObject({ status: 200 });
    for (const channel of ["other:42", "operation:9", "user:8", "system:news"]) {
      expect(await publish(channel)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    }
  });
});

describe("/v1/channels", () => {
  async function filled(server: Awaited<ReturnType<typeof startGateway>>, count: number) {
    for (let n = 1; n <= count; n++) await server.gateway.publish("chat:42", "message", { n });
  }

  it("[P-HTTP-4] history is answered in pages, each with the position at which the next page continues", async () => {
    await using server = await startGateway();
    await filled(server, 5);
    const page = (since: string) =>
      server.call("GET", `/v1/channels/chat:42/history?limit=2&since=${since}`);
    const seen: number[] = [];
    let since = "start";
    for (let pages = 0; pages < 4; pages++) {
      const { body } = await page(since);
      seen.push(...body.entries.map((entry: { data: { n: number } }) => entry.data.n));
      since = body.position;
    }
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it.each([
    ["limit=0", "bad_message", /limit must be at least 1/],
    ["limit=1001", "bad_message", /limit must be at most 1000/],
    ["limit=x", "bad_message", /limit must be a number/],
    ["since=x", "invalid_position", /./],
  ])("[P-HTTP-4] history with %s is refused with %s", async (query, code, detail) => {
    await using server = await startGateway();
    const answer = await server.call("GET", `/v1/channels/chat:42/history?${query}`);
    expect(answer).toMatchObject({ status: 400, body: { code } });
    expect(answer.body.detail).toMatch(detail);
  });

  it("a snapshot request is answered with the channel's head position", async () => {
    await using server = await startGateway();
    const { body: published } = await server.call("POST", "/v1/publish", {
      body: { channel: "chat:42", event: "message", data: 1 },
    });
    expect(await server.call("GET", "/v1/channels/chat:42/snapshot")).toMatchObject({
      status: 200,
      body: { channel: "chat:42", position: published.results[0].position },
    });
  });

  it("a channel name in a path may be percent-encoded, and an invalid one is refused", async () => {
    await using server = await startGateway();
    expect(await server.call("GET", "/v1/channels/chat%3A42/snapshot")).toMatchObject({
      status: 200,
      body: { channel: "chat:42" },
    });
    for (const name of ["a%0Ab", "a:*", "%E0%A4%A", "a%20b", "a%2Fb"]) {
      expect(await server.call("GET", `/v1/channels/${name}/snapshot`)).toMatchObject({
        status: 400,
        body: { code: "invalid_channel" },
      });
    }
  });

  it("DELETE of a channel empties its log and is forbidden for users", async () => {
    await using server = await startGateway();
    await filled(server, 1);
    const credential = await server.token();
    expect(await server.call("DELETE", "/v1/channels/chat:42", { credential })).toMatchObject({
      status: 403,
    });
    expect(await server.call("DELETE", "/v1/channels/chat:42")).toMatchObject({
      status: 204,
      body: undefined,
    });
    const { body } = await server.call("GET", "/v1/channels/chat:42/history?since=start");
    expect(body.entries).toEqual([]);
  });

  it("requests for channels that a user's token does not allow are forbidden", async () => {
    await using server = await startGateway();
    const credential = await server.token();
    for (const path of ["user:8/history", "user:8/snapshot", "other/history"]) {
      expect(await server.call("GET", `/v1/channels/${path}`, { credential })).toMatchObject({
        status: 403,
        body: { code: "forbidden" },
      });
    }
    expect(await server.call("GET", "/v1/channels/user:7/snapshot", { credential })).toMatchObject({
      status: 200,
    });
  });
});
