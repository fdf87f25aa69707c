import { once } from "node:events";
import type { Source } from "@milepost/engine";
import { defineContract } from "@milepost/protocol";
import { Decoder, encode } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineMethod } from "./index.ts";
import { answerWith, startBackend } from "./testing/test-backend.ts";
import { startGateway, type TestGateway } from "./testing/test-gateway.ts";
import { TestStream } from "./testing/test-stream.ts";

let sessions = 0;

/** Returns a token of a session of its own, since a session may have only a few connections. */
function tokenOf(server: TestGateway): Promise<string> {
  return server.token({ channels: grants, session: `s${++sessions}` });
}

/** A JSON text that JavaScript would not write again after it has read it. */
const odd =
  '{"10":1,"2":[1.0,-0,1e400,12345678901234567890,0.10],"a":"\\u0041\\/é","a":{"__proto__":{"x":1}},"":[]}';
/** The same text with whitespace between its tokens. */
const spaced = `\n {"10" : 1,\t"2":[1.0, -0 ,1e400,12345678901234567890,0.10],
  "a":"\\u0041\\/é","a":{"__proto__": {"x" : 1 } }, "":[ ] } `;
const big = "12345678901234567890";
const secret = "milepost-test-secret-of-32-bytes!";
const retention = { maxEntries: 100, maxAgeMs: 3_600_000 };
const open = { subscribe: "granted", publish: "granted", retention } as const;
const grants = { subscribe: ["*"], publish: ["*"] };

const publishing = (data: string) => `{"channel":"log:a","event":"e","data":${data}}`;
const message = (data: string, id = 1) =>
  `{"type":"publish","id":${id},"channel":"log:a","event":"e","data":${data}}`;

async function post(server: TestGateway, path: string, body: string, type = "application/json") {
  const headers = { "Content-Type": type };
  return server.call("POST", path, { body, headers });
}

/** Returns the answer to a GET as text. */
async function textOf(server: TestGateway, path: string): Promise<string> {
  const response = await fetch(`${server.url}${path}`, {
    headers: { Authorization: "Bearer key-of-the-test-service" },
  });
  return response.text();
}

const doors: readonly [string, (server: TestGateway, data: string) => Promise<unknown>][] = [
  ["HTTP", (server, data) => post(server, "/v1/publish", publishing(data))],
  [
    "HTTP, to several channels",
    (server, data) =>
      post(server, "/v1/publish", `{"event":"e","data":${data},"channels":["log:a"]}`),
  ],
  [
    "NDJSON",
    (server, data) =>
      post(
        server,
        "/v1/publish",
        `${publishing(data.replaceAll("\n", " "))}\n`,
        "application/x-ndjson",
      ),
  ],
  [
    "a POST of messages",
    async (server, data) =>
      server.call("POST", "/v1/connections/-/messages", {
        credential: await tokenOf(server),
        body: `[${message(data)}]`,
      }),
  ],
  ...[[], ["milepost.v1.json"]].map(
    (subprotocols) =>
      [
        subprotocols[0] ?? "a plain WebSocket",
        async (server: TestGateway, data: string) => {
          const token = await tokenOf(server);
          const socket = await server.socket("/ws", { subprotocols, token });
          socket.send(message(data));
          return socket.nextOf("reply");
        },
      ] as [string, (server: TestGateway, data: string) => Promise<unknown>],
  ),
];

/** Source with one entry; `taken` resolves once the gateway has settled the entry. */
function sourceOf(fields: Readonly<Record<string, string>>) {
  let settle: (taken: Promise<unknown>) => void = () => {};
  const taken = new Promise<unknown>((resolve) => {
    settle = resolve;
  });
  const source: Source = {
    start: (take) => settle(take("work", { id: "1-0", attempt: 1, fields })),
    close: () => Promise.resolve(),
  };
  return { source, taken };
}

describe("data that the gateway does not look into", () => {
  for (const [door, publish] of doors) {
    it(`[P-DIA-4] data published by ${door} is stored as the sender wrote it, without whitespace between tokens`, async () => {
      await using server = await startGateway({ rules: [{ pattern: "log:*", ...open }] });
      for (const data of [odd, spaced, big, '"\\ud800"', "[ ]"]) await publish(server, data);
      const history = await textOf(server, "/v1/channels/log:a/history");
      expect([...history.matchAll(/"data":(.*?),"ts":/g)].map(([, data]) => data)).toEqual([
        odd,
        odd,
        big,
        '"\\ud800"',
        "[]",
      ]);
    });
  }

  it("[P-DIA-4] every kind of reader receives the data as the sender wrote it", async () => {
    await using server = await startGateway({
      rules: [{ pattern: "log:*", ...open }],
      limits: { maxConnectionsPerSession: 10 },
    });
    const token = await tokenOf(server);
    const texts: Promise<string>[] = [];
    for (const subprotocols of [[], ["milepost.v1.json"]]) {
      const socket = await server.socket("/ws/log/a", { subprotocols, token });
      await socket.nextOf("subscribed");
      texts.push(once(socket.ws, "message").then(([data]) => String(data)));
    }
    const streams = [];
    for (const query of ["channels=log:a", "channels=log:a&dialect=milepost.v1.json"]) {
      const stream = await TestStream.open(`${server.url}/v1/sse?${query}`, { token });
      await stream.nextOf("subscribed");
      streams.push(stream);
    }
    const poll = await server.call("GET", "/v1/poll?channels=log:a&wait=0", { credential: token });
    const since = encodeURIComponent(poll.body.cursor);
    await post(server, "/v1/publish", publishing(spaced));
    for (const stream of streams) {
      await stream.next();
      texts.push(Promise.resolve(stream.raw));
      stream.cut();
    }
    const polled = await fetch(`${server.url}/v1/poll?since=${since}`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    texts.push(polled.text());
    const asking = await server.socket("/ws", { subprotocols: ["milepost.v1.json"], token });
    await asking.nextOf("welcome");
    texts.push(once(asking.ws, "message").then(([data]) => String(data)));
    asking.send({ type: "request", id: 1, method: "history.get", params: { channel: "log:a" } });
    for (const text of await Promise.all(texts)) expect(text).toContain(`"data":${odd}`);
  });

  it("[P-DIA-4] a backend receives parameters as the client wrote them, and its result reaches the client the same way", async () => {
    await using backend = await startBackend(answerWith(200, spaced));
    await using server = await startGateway({
      backends: { "orders.*": { url: backend.url, secret } },
    });
    const socket = await server.socket();
    await socket.nextOf("welcome");
    const raw = once(socket.ws, "message").then(([data]) => String(data));
    socket.send(`{"type":"request","id":1,"method":"orders.get","params":${spaced}}`);
    expect((await backend.arrived(1)).body).toContain(`"params":${odd},"user_id":"7"`);
    expect(await raw).toContain(`"result":${odd}`);
  });

  it("[P-RPC-7] a backend's answer that is not UTF-8 is backend_failed", async () => {
    await using backend = await startBackend(({ response }) => {
      response.end(Buffer.from([0x22, 0xff, 0x22]));
    });
    await using server = await startGateway({
      backends: { "orders.*": { url: backend.url, secret } },
    });
    const socket = await server.socket();
    const reply = await socket.ask({ type: "request", id: 1, method: "orders.get" });
    expect(reply.error).toMatchObject({ code: "backend_failed" });
  });

  it("[P-DIA-4] a dead letter shows the data that could not be published as the source had it", async () => {
    const { source, taken } = sourceOf({ channel: "log:a", event: "e", data: spaced });
    await using server = await startGateway({
      rules: [{ pattern: "log:*", ...open, publish: "nobody" }],
      sources: [source],
    });
    expect(await taken).toBe("dead_letter");
    expect(await textOf(server, "/v1/dead-letters")).toContain(`"data":${odd}`);
  });
});

describe("numbers of msgpack", () => {
  const decoder = new Decoder({ useBigInt64: true });

  async function connect(server: TestGateway) {
    const token = await tokenOf(server);
    const subprotocols = ["milepost.v1.msgpack"];
    const socket = await server.socket("/ws/log/a", { subprotocols, token });
    await socket.nextOf("subscribed");
    return socket;
  }

  it("[P-DIA-6] an integer of 64 bits that a msgpack client publishes keeps its digits for every reader", async () => {
    await using server = await startGateway({ rules: [{ pattern: "log:*", ...open }] });
    const socket = await connect(server);
    const event = once(socket.ws, "message").then(([bytes]) => decoder.decode(bytes));
    const data = [2n ** 64n - 1n, -(2n ** 63n), 2n ** 53n + 1n, { a: 0.1 }];
    const frame = { type: "publish", channel: "log:a", event: "e", data };
    socket.ws.send(encode(frame, { useBigInt64: true }));
    expect(await event).toMatchObject({ data });
    expect(await textOf(server, "/v1/channels/log:a/history")).toContain(
      '"data":[18446744073709551615,-9223372036854775808,9007199254740993,{"a":0.1}]',
    );
  });

  it("[P-DIA-5] a msgpack reader receives whole numbers of up to 64 bits exactly, and a number that msgpack cannot carry as a string", async () => {
    await using server = await startGateway({ rules: [{ pattern: "log:*", ...open }] });
    const socket = await connect(server);
    const event = once(socket.ws, "message").then(([bytes]) => decoder.decode(bytes));
    const data = `[12345678901234567890,-9007199254740993,1e400,-1e-400,${"9".repeat(30)},1.0,-0,0.1,1e22,9007199254740992]`;
    await post(server, "/v1/publish", publishing(data));
    expect(await event).toMatchObject({
      data: [
        12345678901234567890n,
        -9007199254740993n,
        "1e400",
        "-1e-400",
        "9".repeat(30),
        1,
        -0,
        0.1,
        1e22,
        2 ** 53,
      ],
    });
  });
});

describe("data that the gateway looks into", () => {
  const schema = { e: z.object({ n: z.number() }) };
  const rules = [
    { pattern: "typed:*", ...open, schema },
    { pattern: "state:*", ...open, projection: { name: "latest" } },
    { pattern: "keyed:*", ...open, projection: { name: "keyed", by: "id" } },
  ] as const;
  const publish = (server: TestGateway, channel: string, data: string) =>
    post(server, "/v1/publish", `{"channel":"${channel}","event":"e","data":${data}}`);
  const refusal = (detail: string) => ({
    status: 400,
    body: { code: "bad_message", detail: expect.stringContaining(detail) },
  });

  it("[P-DIA-8] data that would change is refused where a schema checks it or a projection keeps it, with the place and the value", async () => {
    await using server = await startGateway({ rules });
    const tooBig = `{"id":"x","n":${big}}`;
    for (const channel of ["typed:a", "state:a", "keyed:a", "chat:a"]) {
      const data =
        channel === "chat:a" ? `{"content":"","role":"u","attachments":[${big}]}` : tooBig;
      const event = channel === "chat:a" ? "chat_message" : "e";
      const body = `{"channel":"${channel}","event":"${event}","data":${data}}`;
      const place = channel === "chat:a" ? "data.attachments[0]" : "data.n";
      expect(await post(server, "/v1/publish", body)).toMatchObject(
        refusal(`${place} is ${big}, which the gateway cannot read`),
      );
    }
    expect(await publish(server, "typed:a", '{"n":1,"n":"x"}')).toMatchObject(
      refusal("data.n occurs twice"),
    );
    expect(await publish(server, "typed:a", '{"n":1.50}')).toMatchObject({ status: 200 });
    // A projection that would not keep these data does not look into them.
    expect(await publish(server, "keyed:a", `{"n":${big}}`)).toMatchObject({ status: 200 });
    expect(await textOf(server, "/v1/channels/typed:a/history")).toContain('"data":{"n":1.50}');
    expect(await textOf(server, "/v1/channels/state:a/snapshot")).not.toContain("12345");
  });

  it("[P-DIA-8] an entry of a source whose data would change in a state becomes a dead letter with the reason", async () => {
    const { source, taken } = sourceOf({ channel: "state:a", event: "e", data: big });
    await using server = await startGateway({ rules, sources: [source] });
    expect(await taken).toBe("dead_letter");
    const letters = await textOf(server, "/v1/dead-letters");
    expect(letters).toContain(`publish_failed: bad_message: data is ${big}`);
    expect(letters).toContain(`"data":${big}`);
  });

  it("[P-RPC-2] parameters that JavaScript would change do not reach a method of the host program, or one with a schema", async () => {
    const seen: unknown[] = [];
    const handler = (params: unknown) => {
      seen.push(params);
      return null;
    };
    await using backend = await startBackend(answerWith(200, `{"id":${big}}`));
    await using server = await startGateway({
      methods: {
        plain: { handler },
        typed: defineMethod({ params: z.object({ id: z.number() }), handler }),
      },
      backends: { "orders.*": { url: backend.url, secret } },
      contract: defineContract({
        methods: { "orders.get": { result: z.object({ id: z.number() }) } },
      }),
    });
    const socket = await server.socket();
    for (const method of ["plain", "typed", "operations.command"]) {
      socket.send(
        `{"type":"request","id":"${method}","method":"${method}","params":{"id":${big}}}`,
      );
      expect((await socket.nextOf("reply")).error).toMatchObject({
        code: "bad_message",
        message: expect.stringContaining(`params.id is ${big}`),
      });
    }
    expect(seen).toEqual([]);
    socket.send(`{"type":"request","id":1,"method":"plain","params":{"id":1.0}}`);
    expect(await socket.nextOf("reply")).toMatchObject({ result: null });
    expect(seen).toEqual([{ id: 1 }]);
    const result = await socket.ask({ type: "request", id: 2, method: "orders.get" });
    expect(result.error).toMatchObject({ code: "internal" });
  });

  it("[P-DIA-8] numbers of an operation that would change are refused one by one, and the others are reported", async () => {
    await using server = await startGateway();
    const create = (input: string) =>
      post(server, "/v1/operations", `{"kind":"k","operation_id":"9","input":{"id":${input}}}`);
    expect(await create(big)).toMatchObject(refusal(`input.id is ${big}`));
    const { status, body } = await create("1.0");
    expect(status).toBe(201);
    const { token } = body.lease;
    const events = [
      '{"event":"started","data":{}}',
      `{"event":"log","data":{"level":"info","message":"m","fields":{"n":${big}}}}`,
      `{"event":"done","data":{"result":{"id":${big}}}}`,
      '{"event":"done","data":{"result":{"id":"7"}}}',
    ];
    const detail = { code: "bad_message", message: expect.stringContaining("data.result.id is") };
    const report = await post(
      server,
      "/v1/operations/9/events",
      `{"lease":"${token}","events":[${events.join(", ")}]}`,
    );
    expect(report.body.results).toMatchObject([
      { duplicate: false },
      { error: { code: "bad_message" } },
      { error: detail },
      { duplicate: false },
    ]);
    const lines = await server.call("POST", "/v1/operations/9/events", {
      body: `${events[2]}\n`,
      headers: { "Content-Type": "application/x-ndjson", "Milepost-Lease": token },
    });
    expect(lines.body.results).toMatchObject([{ error: detail }]);
    expect(
      await post(server, "/v1/operations/9/commands", `{"command":"cancel","args":[${big}]}`),
    ).toMatchObject(refusal(`args[0] is ${big}`));
  });

  it("[P-DIA-9] the host program cannot publish a value that JSON would turn into another", async () => {
    await using server = await startGateway();
    for (const data of [{ n: Number.NaN }, [undefined], new Map(), 1n, [1 / 0]]) {
      await expect(server.gateway.publish("broadcast", "e", data)).rejects.toMatchObject({
        code: "bad_message",
      });
    }
    await server.gateway.publish("broadcast", "e", { left: undefined, at: new Date(0) });
    expect(await textOf(server, "/v1/channels/broadcast/history")).toContain(
      '"data":{"at":"1970-01-01T00:00:00.000Z"}',
    );
  });
});
