import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { createCore } from "@milepost/core";
import { memoryEngine } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import fc from "fast-check";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ClientAddresses } from "../admission/client-addresses.ts";
import { ClientSockets } from "../admission/client-sockets.ts";
import { createAuthenticator } from "../auth/authenticator.ts";
import { exchange } from "../testing/raw-http.ts";
import { apiKey, tokenSecret } from "../testing/test-gateway.ts";
import { DoorSet } from "../transports/door-set.ts";
import { createHttpApp } from "./app.ts";
import { createHttpListener } from "./listener.ts";
import { originPolicy } from "./origin-policy.ts";
import { StraightPath } from "./straight-path.ts";
import { UnreadAnswers } from "./unread-answers.ts";

const maxMessageBytes = 4_096;
const log = { info() {}, warn() {}, error() {} };

/** A gateway whose answers depend on its requests alone. With `isStraight`, requests may take the straight path. */
class Side {
  readonly #server;
  readonly clock = new ManualClock();
  /** Number of requests that took the straight path. */
  taken = 0;

  constructor(isStraight: boolean) {
    const { clock } = this;
    const auth = createAuthenticator(
      {
        tokenSecret,
        apiKeys: [
          { name: "test", key: apiKey },
          { name: "narrow", key: "narrow-key", scopes: ["publish:chat:*"] },
          { name: "soon", key: "soon-key", expiresAt: "2026-01-01T00:01:00Z" },
          { name: "odd", key: "mpconsole.odd-key" },
          { name: "late", key: "late-key", expiresAt: "2020-01-01T00:00:00Z" },
          { name: "signed", key: "signed-key", signing: { keys: { a: "s".repeat(32) } } },
        ],
      },
      clock,
    );
    const core = createCore({
      engine: memoryEngine(),
      clock,
      random: new SeededRandom(),
      node: "test",
      limits: { maxMessageBytes },
      verifyToken: auth.verifyToken,
      log,
    });
    const { limits, admissionMetrics: metrics, refusals } = core;
    const unread = new UnreadAnswers({ clock, limits, metrics });
    const addresses = new ClientAddresses({ trustedProxies: [] }, log);
    const parts = {
      metrics: undefined,
      unread,
      role: "all",
      core,
      auth,
      origins: originPolicy({ allowedOrigins: ["http://page"], allowedHosts: ["a", "127.0.0.1"] }),
      log,
      backends: { counts: { closed: 0, open: 0, half_open: 0 } },
      now: () => clock.now(),
      closing: new AbortController().signal,
      doors: new DoorSet([], true),
      sockets: new ClientSockets({ addresses, limits, metrics, refusals, clock }),
      guests: undefined,
      tokenInQuery: true,
    } as const;
    const straight = new StraightPath(parts);
    const take: StraightPath["take"] = (incoming, outgoing) => {
      const isTaken = isStraight && straight.take(incoming, outgoing);
      if (isTaken) this.taken++;
      return isTaken;
    };
    const listener: RequestListener = createHttpListener(createHttpApp(parts), [{ take }], unread);
    this.#server = createServer(listener);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async open(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /** Sends bytes and returns everything that the gateway answers, without the dates. */
  async answer(bytes: string | Uint8Array): Promise<string> {
    const answers = await exchange(this.port, bytes);
    return answers.replaceAll(/\r\nDate: [^\r]*/g, "");
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

let straight: Side;
let router: Side;

beforeEach(async () => {
  straight = new Side(true);
  router = new Side(false);
  await Promise.all([straight.open(), router.open()]);
});

afterEach(() => {
  straight.close();
  router.close();
});

/** Sends the same bytes to both gateways; returns the answer, which must be the same. */
async function same(bytes: string | Uint8Array): Promise<string> {
  const [one, other] = await Promise.all([straight.answer(bytes), router.answer(bytes)]);
  expect(one).toBe(other);
  return one;
}

interface Form {
  readonly target?: string;
  readonly method?: string;
  readonly key?: string | null;
  readonly host?: string | null;
  readonly headers?: readonly string[];
  readonly isLast?: boolean;
}

function requestOf(body: string | Uint8Array, form: Form = {}): Buffer {
  const { target = "/v1/publish", method = "POST", key = apiKey, host = "a", headers = [] } = form;
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(host === null ? [] : [`Host: ${host}`]),
    ...(key === null ? [] : [`Authorization: Bearer ${key}`]),
    ...(headers.some((header) => /^(transfer-encoding|content-length)/i.test(header))
      ? []
      : [`Content-Length: ${Buffer.byteLength(body)}`]),
    ...headers,
    ...(form.isLast === false ? [] : ["Connection: close"]),
  ];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), Buffer.from(body)]);
}

const good = JSON.stringify({ channel: "chat:1", event: "e", data: { a: [1, "ü", 1.0] } });
const ndjson = ["Content-Type: application/x-ndjson"];

const bodies: readonly (string | Uint8Array)[] = [
  good,
  '{"channel":"chat:1","event":"e","data":1.50,"key":"k1"}',
  '{"channel":"chat:1","event":"e","data":2,"key":"k1"}',
  '{"channel":"chat:1","event":"e","data":3,"event_id":"x1","priority":"high"}',
  '{"channel":"chat:1","event":"e","data":{"b":1},"event_id":"x2"}',
  '{"channels":["chat:1","chat:2","!"],"event":"e","data":{}}',
  '{"channels":[],"event":"e","data":{}}',
  '{"channel":"chat:1","channels":["chat:2"],"event":"e","data":{}}',
  '{"channel":"chat:1","event":"e"}',
  '{"channel":"chat:1","event":"e","data":1,"unknown":2}',
  '{"channel":"chat:1","event":"e","data":1,"__proto__":{"key":"p"}}',
  '{"channel":"chat:1","channel":"chat:9","event":"e","data":1,"data":2}',
  '{"chann\\u0065l":"chat:1","event":"e","d\\u0061ta":2}',
  ' {"channel" : "chat:1", "event" : "e", "data" : { "a" : 1 } } ',
  '{"channel":7,"event":"e","data":1}',
  '{"channel":"chat:1","event":null,"data":1}',
  '{"channel":"chat:1","event":"","data":1}',
  '{"channel":"chat:1","event":"e","data":1,"key":""}',
  `{"channel":"chat:1","event":"e","data":1,"key":"${"k".repeat(300)}"}`,
  '{"channel":"chat:1","event":"e","data":1,"priority":"urgent"}',
  '{"channel":"chat:1","event":"e","data":1,"sig":"not a signature"}',
  '{"channel":"chat:*","event":"e","data":1}',
  '{"channel":"","event":"e","data":1}',
  '{"channel":"operation:1","event":"progress","data":{"percent":4}}',
  '{"channel":"user:7","event":"notification","data":{"message":"m"}}',
  '{"channel":"chat:1","event":"end","data":{}}',
  `{"channel":"chat:1","event":"e","data":${"[".repeat(80)}${"]".repeat(80)}}`,
  `{"channel":"chat:1","event":"e","data":"${"x".repeat(maxMessageBytes)}"}`,
  "[]",
  `[${good}]`,
  "null",
  "1",
  '"text"',
  "",
  " ",
  "{",
  `\uFEFF${good}`,
  "nul\u0000",
  Uint8Array.of(0xff, 0xfe, 0x7b, 0x7d),
  Buffer.from(good, "utf16le"),
  `${good}\n${good}`,
  `${good}\n\n{"channel":"!","event":"e","data":1}\n{\n${good}\r\n`,
];

it("the straight path answers every body as the router does, byte for byte", async () => {
  straight.taken = 0;
  for (const key of [apiKey, "narrow-key"]) {
    for (const body of bodies) {
      await same(requestOf(body, { key }));
      await same(requestOf(body, { key, headers: ndjson }));
    }
  }
  // The others are larger than a message may be.
  const larger = bodies.filter((body) => Buffer.byteLength(body) > maxMessageBytes).length;
  expect(straight.taken).toBe(4 * (bodies.length - larger));
});

it("a request with a special head is answered as the router does", async () => {
  const forms: readonly Form[] = [
    { key: null },
    { key: "unknown" },
    { key: "late-key" },
    { key: "signed-key" },
    { key: "a.b.c" },
    { key: "guest_x" },
    { key: "mpconsole.odd-key" },
    { key: "two words" },
    { key: null, headers: [`Authorization: Basic ${apiKey}`] },
    { key: null, headers: [`authorization: bearer   ${apiKey}  `] },
    { headers: [`Authorization: Bearer ${apiKey}`] },
    { headers: ["Authorization: Bearer unknown"] },
    { headers: ["Host: b"] },
    { headers: ["Content-Type: text/html", "Content-Type: application/x-ndjson"] },
    { host: null },
    { host: "A" },
    { host: "a:80" },
    { host: "a:99999" },
    { host: "b" },
    { host: "a/b" },
    { host: "127.0.0.1:8787" },
    { host: "" },
    { headers: ["Origin: http://page"] },
    { headers: ["Origin: http://other"] },
    { headers: ["Milepost-Signature: t=1"] },
    { headers: ["Content-Encoding: gzip"] },
    { headers: ["Content-Encoding: identity"] },
    { headers: ["Content-Length: 99999999"] },
    { headers: ["Content-Length: -1"] },
    { headers: ["Content-Length: 1", "Transfer-Encoding: chunked"] },
    { headers: ["Content-Type: application/x-ndjson; charset=utf-8"] },
    { headers: ["Content-Type: text/html"] },
    { headers: ["Upgrade: h2c"] },
    { headers: ["Expect: 100-continue"] },
    { headers: ["Expect: else"] },
    { target: "/v1/publish?x=1" },
    { target: "/v1/publish/" },
    { target: "//v1/publish" },
    { target: "/v1/%70ublish" },
    { target: "/v1/./publish" },
    { target: "/v1/publish#f" },
    { target: "http://a/v1/publish" },
    { target: "/v1/publish?ticket=t", key: null },
    { method: "GET" },
    { method: "PUT" },
    { method: "OPTIONS" },
    { method: "HEAD" },
  ];
  for (const form of forms) await same(requestOf(good, form));
  const chunked = `${good.length.toString(16)}\r\n${good}\r\n0\r\n\r\n`;
  await same(requestOf(chunked, { headers: ["Transfer-Encoding: chunked"] }));
});

it("requests in one write, and a body in pieces, are answered as the router does", async () => {
  const three = [good, "{", good].map((body, at) => requestOf(body, { isLast: at === 2 }));
  expect((await same(Buffer.concat(three))).split("HTTP/1.1 ")).toHaveLength(4);
  const keys = [apiKey, "unknown", "narrow-key"];
  const mixed = keys.map((key, at) => requestOf(good, { key, isLast: at === keys.length - 1 }));
  const answers = await same(Buffer.concat(mixed));
  expect(answers.match(/HTTP\/1.1 (\d+)/g)).toEqual([
    "HTTP/1.1 200",
    "HTTP/1.1 401",
    "HTTP/1.1 200",
  ]);
});

it("events of operations are answered as the router does", async () => {
  const create = await same(
    requestOf('{"kind":"k","operation_id":"9"}', { target: "/v1/operations" }),
  );
  const { lease } = JSON.parse(create.slice(create.indexOf("\r\n\r\n")));
  const event = { event: "progress", data: { percent: 5 } };
  const lines = `${JSON.stringify(event)}\n{"event":7}\n{"event":"progress","data":{"percent":1e999}}`;
  const reports: readonly (readonly [string, Form])[] = [
    [JSON.stringify({ lease, events: [event] }), {}],
    [JSON.stringify({ lease, events: [event, { event: 7 }] }), {}],
    [JSON.stringify({ lease, events: [] }), {}],
    [`{"lease":"${lease}","events":[{"event":"progress","data":{"percent":1,"percent":2}}]}`, {}],
    [JSON.stringify({ lease: "wrong", events: [event] }), {}],
    [JSON.stringify({ events: [event] }), {}],
    ["{", {}],
    [lines, { headers: ndjson }],
    [lines, { headers: [...ndjson, `Milepost-Lease: ${lease}`] }],
    [lines, { headers: [...ndjson, `Milepost-Lease: ${lease}`, "milepost-lease: twice"] }],
    [JSON.stringify({ lease, events: [event] }), { key: "narrow-key" }],
  ];
  straight.taken = 0;
  for (const [body, form] of reports) {
    await same(requestOf(body, { target: "/v1/operations/9/events", ...form }));
  }
  expect(straight.taken).toBe(reports.length);
  for (const id of ["8", ".", "..", "a.b", "%39", "a b", "ü", "9/", "x".repeat(200), "a:b", ""]) {
    const [body = ""] = reports[0] ?? [];
    await same(requestOf(body, { target: `/v1/operations/${id}/events` }));
  }
});

it("a body that was changed at random is answered as the router does", async () => {
  const part = fc.constantFrom(
    '"',
    "{",
    "}",
    ",",
    ":",
    "[",
    "\\",
    "\u0000",
    "é",
    "1",
    "e",
    "\n",
    "null",
  );
  const place = fc.nat({ max: good.length });
  await fc.assert(
    fc.asyncProperty(
      place,
      fc.nat({ max: 6 }),
      part,
      fc.boolean(),
      async (at, length, text, isLines) => {
        const body = good.slice(0, at) + text + good.slice(at + length);
        await same(requestOf(body, { headers: isLines ? ndjson : [] }));
      },
    ),
    { numRuns: 200 },
  );
});

it("a client that leaves in the middle of its body harms no other request", async () => {
  const whole = requestOf(good);
  const leaving = connect(straight.port, "127.0.0.1");
  leaving.write(whole.subarray(0, -5));
  expect(await same(whole)).toMatch(/^HTTP\/1.1 200/);
  expect(straight.taken).toBe(2);
  leaving.destroy();
  await once(leaving, "close");
  expect(await same(whole)).toMatch(/^HTTP\/1.1 200/);
});

it("a key that expires between two requests of a connection is refused in the second", async () => {
  const socket = connect(straight.port, "127.0.0.1");
  const ask = async () => {
    socket.write(requestOf(good, { key: "soon-key", isLast: false }));
    const [answer] = await once(socket, "data");
    return String(answer).slice(0, 12);
  };
  expect([await ask(), await ask()]).toEqual(["HTTP/1.1 200", "HTTP/1.1 200"]);
  expect(straight.taken).toBe(2);
  await straight.clock.advance(60_000);
  expect(await ask()).toBe("HTTP/1.1 401");
  socket.destroy();
});
