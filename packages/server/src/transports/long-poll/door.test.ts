import { describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../../testing/test-gateway.ts";

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

async function reader(server: TestGateway, channels: string) {
  const credential = await server.token();
  return {
    credential,
    poll(since?: string, wait?: number) {
      const query = new URLSearchParams({ channels });
      if (since !== undefined) query.set("since", since);
      if (wait !== undefined) query.set("wait", String(wait));
      return server.call("GET", `/v1/poll?${query}`, { credential });
    },
    post(messages: unknown, wait = 0) {
      return server.call("POST", `/v1/poll?wait=${wait}`, { credential, body: messages });
    },
  };
}

describe("a long-poll", () => {
  it("[P-POLL-1] a poll without a cursor answers at once with the starting position of each channel", async () => {
    await using server = await startGateway();
    const { operation } = (
      await server.call("POST", "/v1/operations", { body: { kind: "index", user_id: "7" } })
    ).body;
    const { poll } = await reader(server, `chat:42,operation:${operation.id}`);
    const { status, headers, body } = await poll();
    expect([status, headers.get("cache-control")]).toEqual([200, "no-store"]);
    expect(body.events).toHaveLength(2);
    expect(body.events).toContainEqual(
      expect.objectContaining({ type: "subscribed", channel: "chat:42", recovered: false }),
    );
    expect(body.events).toContainEqual(
      expect.objectContaining({
        type: "subscribed",
        snapshot: expect.objectContaining({ projection: "operation" }),
      }),
    );
    expect(body.cursor).toMatch(/^chat:42@|,chat:42@/);
  });

  it("[P-POLL-1] a poll answers at once with the entries since its cursor", async () => {
    await using server = await startGateway();
    const { poll } = await reader(server, "chat:42");
    const { cursor } = (await poll()).body;
    for (const n of [1, 2, 3]) await server.gateway.publish("chat:42", "n", n);
    const { body } = await poll(cursor);
    expect(body.events.map(({ data }: { data: number }) => data)).toEqual([1, 2, 3]);
    expect(body.cursor).toBe(body.events[2].event_id);
    expect((await poll(body.cursor, 0)).status).toBe(204);
  });

  it("[P-POLL-1] a waiting poll answers as soon as an entry is published", async () => {
    await using server = await startGateway();
    const { poll } = await reader(server, "chat:42");
    const { cursor } = (await poll()).body;
    const waiting = poll(cursor);
    while (server.gateway.stats().subscriptions === 0) await tick();
    await server.gateway.publish("chat:42", "n", 1);
    expect((await waiting).body.events).toMatchObject([{ type: "n", data: 1 }]);
    expect(server.gateway.stats().connections).toBe(0);
  });

  it("[P-POLL-2] a poll answers 204 when nothing is published during its wait", async () => {
    await using server = await startGateway();
    const { poll } = await reader(server, "chat:42,chat:43");
    const { cursor } = (await poll()).body;
    for (const wait of [0, 0.02]) {
      const { status, body } = await poll(cursor, wait);
      expect([status, body]).toEqual([204, undefined]);
    }
    expect((await poll(cursor, 26)).body).toMatchObject({ code: "bad_message" });
    expect(server.gateway.stats().connections).toBe(0);
  });

  it("[P-POLL-3] successive polls deliver each entry of all channels once and in order while publishing continues", async () => {
    await using server = await startGateway();
    const names = ["chat:a", "chat:b", "chat:c"];
    const { poll } = await reader(server, names.join(","));
    let { cursor } = (await poll()).body;
    const total = 200;
    const publishing = (async () => {
      for (let n = 1; n <= total; n++) {
        for (const name of names) await server.gateway.publish(name, "n", n);
        if (n % 3 === 0) await tick();
      }
    })();
    const seen = new Map<string, number[]>(names.map((name) => [name, []]));
    while ([...seen.values()].some((data) => data.length < total)) {
      const { status, body } = await poll(cursor, 0);
      if (status === 204) continue;
      for (const { type, channel, data } of body.events) {
        expect(type).toBe("n");
        seen.get(channel)?.push(data);
      }
      cursor = body.cursor;
    }
    await publishing;
    const all = Array.from({ length: total }, (_, n) => n + 1);
    for (const name of names) expect(seen.get(name)).toEqual(all);
  });

  it("[P-POLL-3] a poll reports a gap within its batch", async () => {
    const retention = { maxEntries: 2, maxAgeMs: 60_000 };
    await using server = await startGateway({
      rules: [
        { pattern: "chat:{room}", subscribe: "granted", publish: "granted", retention },
        {
          pattern: "last:{x}",
          subscribe: "authenticated",
          publish: "granted",
          retention,
          projection: { name: "latest" },
        },
      ],
    });
    const { poll } = await reader(server, "chat:a,last:a");
    const { cursor } = (await poll()).body;
    for (const n of [1, 2, 3, 4]) {
      await server.gateway.publish("chat:a", "n", n);
      await server.gateway.publish("last:a", "n", n);
    }
    const { body } = await poll(cursor);
    const of = (channel: string) =>
      body.events.filter((event: { channel: string }) => event.channel === channel);
    expect(of("chat:a")).toMatchObject([
      { type: "subscribed", recovered: false, reason: "trimmed" },
      { type: "gap", reason: "trimmed" },
      { type: "n", data: 3 },
      { type: "n", data: 4 },
    ]);
    expect(of("last:a")).toMatchObject([
      {
        type: "subscribed",
        recovered: false,
        reason: "trimmed",
        snapshot: { projection: "latest" },
      },
    ]);
    expect((await poll(body.cursor, 0)).status).toBe(204);
  });

  it("[P-POLL-3] polls deliver a large number of waiting entries in batches of bounded size", async () => {
    await using server = await startGateway();
    const { poll } = await reader(server, "chat:a,chat:b");
    let { cursor } = (await poll()).body;
    const data = "x".repeat(10_000);
    for (let n = 1; n <= 120; n++) await server.gateway.publish("chat:a", "n", { n, data });
    const seen: number[] = [];
    let batches = 0;
    while (seen.length < 120) {
      const { body } = await poll(cursor);
      batches++;
      expect(JSON.stringify(body).length).toBeLessThan(2_000_000);
      for (const event of body.events) seen.push(event.data.n);
      cursor = body.cursor;
    }
    expect(seen).toEqual(Array.from({ length: 120 }, (_, n) => n + 1));
    expect(batches).toBeGreaterThan(1);
  });

  it("[P-POLL-1] polls with wait=0 deliver large entries", async () => {
    await using server = await startGateway();
    const { poll } = await reader(server, "chat:a,chat:b");
    const { cursor } = (await poll()).body;
    const data = "x".repeat(200_000);
    await server.gateway.publish("chat:a", "n", data);
    await server.gateway.publish("chat:b", "n", 1);
    const first = (await poll(cursor, 0)).body;
    const rest = first.events.length < 2 ? (await poll(first.cursor, 0)).body.events : [];
    const all = [...first.events, ...rest].map((event: { data: unknown }) => event.data);
    expect(all).toHaveLength(2);
    expect(all).toEqual(expect.arrayContaining([data, 1]));
  });

  it("[P-POLL-4] a poll is refused with the problem document for its first refused channel or for its credential", async () => {
    await using server = await startGateway();
    const { poll } = await reader(server, "chat:42,user:8");
    const { status, body } = await poll();
    expect([status, body.code]).toEqual([403, "forbidden"]);
    const path = "/v1/poll?channels=chat:42";
    for (const [credential, expected] of [
      [null, 401],
      ["nonsense", 401],
      [await server.token({ user: "7", ttlMs: -60_000 }), 401],
    ] as const) {
      expect((await server.call("GET", path, { credential })).status).toBe(expected);
    }
    const inQuery = `${path}&token=${await server.token()}`;
    expect((await server.call("GET", inQuery, { credential: null })).status).toBe(200);
  });

  it.each([
    ["", "bad_message"],
    ["channels=a b", "invalid_channel"],
    ["channels=chat:1&since=nonsense", "invalid_position"],
    ["channels=chat:1&wait=x", "bad_message"],
  ])("a poll with the query %j is refused", async (query, code) => {
    await using server = await startGateway();
    const credential = await server.token();
    const { status, body } = await server.call("GET", `/v1/poll?${query}`, { credential });
    expect([status, body.code]).toEqual([400, code]);
  });

  it("[P-POLL-5] a poll on a node that shuts down ends with shutting_down and a retry delay", async () => {
    await using server = await startGateway();
    const { poll } = await reader(server, "chat:42");
    const { cursor } = (await poll()).body;
    const waiting = poll(cursor);
    while (server.gateway.stats().subscriptions === 0) await tick();
    await server.gateway.close();
    const { status, body } = await waiting;
    expect(status).toBe(503);
    expect(body).toMatchObject({ code: "shutting_down", retryable: true, retry_after_ms: 1_000 });
  });

  it("[P-POLL-5] a poll ends with token_expired when its token expires", async () => {
    await using server = await startGateway();
    const credential = await server.token({ user: "7", ttlMs: 2_500 });
    const path = "/v1/poll?channels=user:7";
    const { cursor } = (await server.call("GET", path, { credential })).body;
    const again = `${path}&since=${encodeURIComponent(cursor)}`;
    const { status, body } = await server.call("GET", again, { credential });
    expect([status, body.code]).toEqual([401, "token_expired"]);
  });

  it("a poll frees its connection when its client disconnects", async () => {
    await using server = await startGateway();
    const { poll, credential } = await reader(server, "chat:42");
    const { cursor } = (await poll()).body;
    const leaving = new AbortController();
    const path = `/v1/poll?since=${encodeURIComponent(cursor)}`;
    const waiting = server.call("GET", path, { credential, signal: leaving.signal });
    while (server.gateway.stats().subscriptions === 0) await tick();
    leaving.abort();
    await expect(waiting).rejects.toThrow();
    while (server.gateway.stats().connections > 0) await tick();
  });
});

describe("a long-poll in the SDK's dialect", () => {
  it("[P-POLL-6] an SDK poll without subscriptions answers with the welcome", async () => {
    await using server = await startGateway();
    const { post } = await reader(server, "");
    const { body } = await post([], 25);
    expect(body).toMatchObject([{ type: "welcome", user_id: "7", session_id: "s1" }]);
  });

  it("[P-POLL-6] an SDK poll starts each channel at its position and reports channels that are forbidden", async () => {
    await using server = await startGateway();
    const { position } = await server.gateway.publish("chat:a", "n", 1);
    for (const n of [2, 3]) await server.gateway.publish("chat:a", "n", n);
    await server.gateway.publish("chat:b", "n", 4);
    const { post } = await reader(server, "");
    const { body } = await post(
      [
        { type: "subscribe", id: 1, channel: "chat:a", since: position },
        { type: "subscribe", id: 2, channel: "chat:b", since: { last: 1 } },
        { type: "subscribe", id: 3, channel: "user:8" },
      ],
      25,
    );
    expect(body).toContainEqual(
      expect.objectContaining({
        type: "reply",
        id: 1,
        result: expect.objectContaining({ recovered: true }),
      }),
    );
    expect(body).toContainEqual(
      expect.objectContaining({ id: 3, error: expect.objectContaining({ code: "forbidden" }) }),
    );
    const events = body.filter(({ type }: { type: string }) => type === "event");
    const data = (channel: string) =>
      events
        .filter((event: { channel: string }) => event.channel === channel)
        .map((event: { data: number }) => event.data);
    expect([data("chat:a"), data("chat:b")]).toEqual([[2, 3], [4]]);
    const last = events.findLast(
      ({ channel }: { channel: string }) => channel === "chat:a",
    ).position;
    const ask = [{ type: "subscribe", id: 1, channel: "chat:a", since: last }];
    expect((await post(ask, 0)).body).toMatchObject([
      { type: "welcome" },
      { type: "reply", id: 1, result: { recovered: true } },
    ]);
    expect((await post(ask, 0.02)).status).toBe(204);
  });

  it.each([
    ["{}", "bad_message"],
    ["[", "bad_json"],
    ['[{"type":"publish","channel":"chat:a","event":"n","data":1}]', "bad_message"],
    ['[{"type":"subscribe","channel":"chat:a"}]', "bad_message"],
    ['[{"type":"subscribe","id":1,"channel":"chat:a","since":"x"}]', "invalid_position"],
  ])("[P-POLL-6] an SDK poll with the body %s is refused", async (body, code) => {
    await using server = await startGateway();
    const { post } = await reader(server, "");
    const answer = await post(body);
    expect([answer.status, answer.body.code]).toEqual([400, code]);
  });
});
