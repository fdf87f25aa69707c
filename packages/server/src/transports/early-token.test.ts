import { SignJWT } from "jose";
import { expect, it } from "vitest";
import { startGateway, type TestGateway, tokenSecret } from "../testing/test-gateway.ts";

/** Returns a token of user 7 in session s1 that is valid from `inSeconds` seconds on. */
function tokenIn(inSeconds: number): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ sub: "7", sid: "s1", nbf: now + inSeconds, exp: now + inSeconds + 600 })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(tokenSecret));
}

const early = {
  code: "token_not_yet_valid",
  retryable: true,
  retry_after_ms: 10_000,
};

it.each([
  ["plain", []],
  ["milepost.v1.json", ["milepost.v1.json"]],
  ["milepost.v1.msgpack", ["milepost.v1.msgpack"]],
])(
  "[P-CON-12] a WebSocket in the dialect %s whose token is not valid yet hears when to try again, and is closed with 1013",
  async (_, subprotocols) => {
    await using server = await startGateway();
    const socket = await server.socket("/ws?channels=chat:1", {
      token: await tokenIn(30),
      subprotocols,
    });
    expect(await socket.next()).toMatchObject({ type: "reply", id: null, error: early });
    expect(await socket.closed).toEqual({ code: 1013, reason: "token_not_yet_valid" });
    expect(socket.arrived).toEqual([]);
  },
);

it.each([{}, { id: 4 }])(
  "[P-CON-12] an auth %j with a token that is not valid yet is answered with the wait, and the socket is closed with 1013",
  async (id) => {
    await using server = await startGateway();
    const socket = await server.socket("/ws", { token: null });
    socket.send({ type: "auth", token: await tokenIn(30), ...id });
    expect(await socket.next()).toMatchObject({ type: "reply", id: null, ...id, error: early });
    expect(await socket.closed).toEqual({ code: 1013, reason: "the token is not valid yet" });
  },
);

it("[P-CON-12] a renewal with a token that is not valid yet is answered with the wait, and the connection stays open", async () => {
  await using server = await startGateway();
  const socket = await server.socket();
  await socket.nextOf("welcome");
  socket.send({ type: "auth", id: 5, token: await tokenIn(30) });
  expect(await socket.nextOf("reply")).toMatchObject({ id: 5, error: early });
  socket.send({ type: "ping", id: 6 });
  expect(await socket.nextOf("pong")).toMatchObject({ id: 6 });
});

it("[P-CON-12] a session feed whose token is not valid yet is closed with 1013", async () => {
  await using server = await startGateway();
  const feed = await server.socket("/ws/progress/s1", { token: await tokenIn(30) });
  expect(await feed.closed).toEqual({ code: 1013, reason: "token_not_yet_valid" });
});

it.each<[string, (server: TestGateway, credential: string) => ReturnType<TestGateway["call"]>]>([
  [
    "an event stream",
    (at, credential) => at.call("GET", "/v1/sse?channels=chat:1", { credential }),
  ],
  ["a poll", (at, credential) => at.call("GET", "/v1/poll?channels=chat:1", { credential })],
  ["a poll of the SDK", (at, credential) => at.call("POST", "/v1/poll", { credential, body: [] })],
  [
    "an upstream call",
    (at, credential) =>
      at.call("POST", "/v1/connections/-/messages", { credential, body: { type: "ping", id: 1 } }),
  ],
  ["the HTTP API", (at, credential) => at.call("GET", "/v1/operations", { credential })],
])(
  "[P-CON-12] %s with a token that is not valid yet is refused with 401 and Retry-After",
  async (_, call) => {
    await using server = await startGateway();
    const answer = await call(server, await tokenIn(30));
    expect(answer).toMatchObject({ status: 401, body: early });
    expect(answer.headers.get("retry-after")).toBe("10");
  },
);
