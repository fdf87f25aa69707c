import { describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../testing/test-gateway.ts";

const rules = [
  {
    pattern: "chat:*",
    subscribe: "granted",
    publish: "granted",
    retention: { maxEntries: 100, maxAgeMs: 3_600_000 },
    durable: { maxAttempts: 1 },
  },
] as const;

/** Opens a WebSocket with a durable subscriber that refuses each of `count` entries. */
async function refusing(server: TestGateway, count: number) {
  const socket = await server.socket("/ws", { subprotocols: ["milepost.v1.json"] });
  socket.send({ type: "subscribe", id: 1, channel: "chat:42", as: "worker" });
  await socket.nextOf("reply");
  for (let n = 1; n <= count; n++) {
    await server.gateway.publish("chat:42", "n", { n });
    const { position } = await socket.nextOf("event");
    const reason = n % 2 === 1 ? "odd" : "even";
    socket.send({ type: "nack", channel: "chat:42", position, reason });
    await letters(server, "", n);
  }
  return socket;
}

/** Resolves with the page of a query once `kept` dead letters are stored. */
async function letters(server: TestGateway, query: string, kept: number) {
  for (;;) {
    const { body } = await server.call("GET", `/v1/dead-letters${query}`);
    if (body.kept === kept) return body;
  }
}

describe("/v1/dead-letters", () => {
  it("[P-DLQ-1] dead letters are listed and shown, [P-DLQ-2] page by page and by filter", async () => {
    await using server = await startGateway({ rules });
    await refusing(server, 3);
    const first = await letters(server, "?limit=2&channel=chat:42", 3);
    expect(first.letters).toMatchObject([
      { channel: "chat:42", subscriber: "worker", owner: "user:7", reason: "refused: odd" },
      { attempts: 1, reason: "refused: even", entry: { event: "n", data: { n: 2 } } },
    ]);
    const rest = await server.call("GET", `/v1/dead-letters?after=${first.next}`);
    expect(rest.body.letters).toMatchObject([{ entry: { data: { n: 3 } } }]);
    const odd = await server.call("GET", "/v1/dead-letters?reason=refused:%20odd");
    expect(odd.body.letters).toHaveLength(2);
    const [letter] = first.letters;
    const shown = await server.call("GET", `/v1/dead-letters/${letter.id}`);
    expect([shown.status, shown.body]).toEqual([200, letter]);
    const none = await server.call("GET", "/v1/dead-letters/1-nothing");
    expect([none.status, none.body.code]).toEqual([404, "not_found"]);
    const wrong = await server.call("GET", "/v1/dead-letters?limit=0");
    expect([wrong.status, wrong.body.code]).toEqual([400, "bad_message"]);
  });

  it("[P-DLQ-3] a replayed dead letter is delivered again and removed when it is acknowledged", async () => {
    await using server = await startGateway({ rules });
    const socket = await refusing(server, 1);
    const { letters: found } = await letters(server, "", 1);
    const path = `/v1/dead-letters/${found[0].id}/replay`;
    const replayed = await server.call("POST", path);
    expect([replayed.status, replayed.body]).toEqual([202, { id: found[0].id, to: "subscriber" }]);
    const { position, attempt } = await socket.nextOf("event");
    expect([position, attempt]).toEqual([found[0].entry.position, 2]);
    socket.send({ type: "ack", id: 2, channel: "chat:42", position });
    await socket.nextOf("reply");
    expect((await server.call("GET", "/v1/dead-letters")).body.letters).toEqual([]);
    expect((await server.call("POST", path)).status).toBe(404);
  });

  it("[P-DLQ-4] dead letters are dropped by id, dropped or replayed by filter, and a request without a filter is refused", async () => {
    await using server = await startGateway({ rules });
    const socket = await refusing(server, 4);
    const { letters: found } = await letters(server, "", 4);
    expect((await server.call("DELETE", `/v1/dead-letters/${found[0].id}`)).status).toBe(204);
    for (const [method, path] of [
      ["DELETE", "/v1/dead-letters"],
      ["POST", "/v1/dead-letters/replay"],
    ] as const) {
      const all = await server.call(method, path);
      expect([all.status, all.body.code]).toEqual([400, "bad_message"]);
    }
    const dropped = await server.call("DELETE", "/v1/dead-letters?reason=refused:%20odd");
    expect(dropped.body).toEqual({ done: 1, failed: [] });
    const replayed = await server.call("POST", "/v1/dead-letters/replay?subscriber=worker");
    expect(replayed.body).toEqual({ done: 2, failed: [] });
    expect((await socket.nextOf("event")).data).toEqual({ n: 2 });
    expect((await socket.nextOf("event")).data).toEqual({ n: 4 });
  });

  it("[P-DLQ-4] an empty filter is refused, also together with a valid one, and no dead letter is replayed or dropped", async () => {
    await using server = await startGateway({ rules });
    await refusing(server, 2);
    for (const [method, path] of [
      ["GET", "/v1/dead-letters"],
      ["DELETE", "/v1/dead-letters"],
      ["POST", "/v1/dead-letters/replay"],
    ] as const) {
      const refused = await server.call(method, `${path}?channel=&subscriber=worker`);
      expect([refused.status, refused.body.code]).toEqual([400, "bad_message"]);
      expect(refused.body.detail).toMatch(/^channel must/);
    }
    const all = await server.call("DELETE", "/v1/dead-letters?channel=");
    expect(all.body.detail).toMatch(/^name the dead letters by /);
    expect((await letters(server, "", 2)).letters).toHaveLength(2);
  });

  it("[P-DLQ-7] the dead-letter endpoints are forbidden for user tokens and answer 401 without a credential", async () => {
    await using server = await startGateway({ rules });
    const credential = await server.token();
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/1-a"],
      ["POST", "/1-a/replay"],
      ["DELETE", "/1-a"],
      ["DELETE", "?channel=chat:42"],
      ["POST", "/replay?channel=chat:42"],
    ] as const) {
      const answer = await server.call(method, `/v1/dead-letters${path}`, { credential });
      expect([answer.status, answer.body.code]).toEqual([403, "forbidden"]);
      const nobody = await server.call(method, `/v1/dead-letters${path}`, { credential: null });
      expect(nobody.status).toBe(401);
    }
  });
});
