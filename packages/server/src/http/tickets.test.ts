import { expect, test } from "vitest";
import { startGateway, type TestGateway } from "../testing/test-gateway.ts";
import { TestStream } from "../testing/test-stream.ts";

async function ticketOf(server: TestGateway, credential: string): Promise<string> {
  const { status, body } = await server.call("POST", "/v1/tickets", { credential });
  expect(status).toBe(201);
  return body.ticket;
}

const refused = { code: 4401 };

test.each(["/ws", "/ws/chat/1", "/ws?channels=chat:2"])(
  "[P-TICK-1] a ticket connects once at %s, with the user, session, grants and expiry of its token",
  async (path) => {
    await using server = await startGateway();
    const token = await server.token();
    const ticket = await ticketOf(server, token);
    const url = `${path}${path.includes("?") ? "&" : "?"}ticket=${ticket}`;
    const socket = await server.socket(url, { token: null });
    const welcome = await socket.next();
    const direct = await (await server.socket(path, { token })).next();
    const { user_id, session_id, expires_at } = direct;
    expect(welcome).toMatchObject({ type: "welcome", user_id, session_id, expires_at });
    socket.send({ type: "publish", id: 1, channel: "chat:1", event: "e", data: 1 });
    await socket.nextOf("reply");
    expect(await (await server.socket(url, { token: null })).closed).toMatchObject(refused);
  },
);

test("[P-TICK-1] of many connects with one ticket at the same time, exactly one is accepted", async () => {
  await using server = await startGateway();
  const ticket = await ticketOf(server, await server.token());
  const sockets = await Promise.all(
    Array.from({ length: 20 }, () => server.socket(`/ws?ticket=${ticket}`, { token: null })),
  );
  const first = await Promise.all(
    sockets.map((socket) => Promise.race([socket.next().catch(() => "closed"), socket.closed])),
  );
  const welcomes = first.filter((one) => typeof one === "object" && one.type === "welcome");
  expect(welcomes).toHaveLength(1);
});

test("[P-TICK-1] a ticket opens the session feed and a poll, each once", async () => {
  await using server = await startGateway();
  const token = await server.token();
  await server.gateway.operations.create({ kind: "export", session_id: "s1" });
  const feedTicket = await ticketOf(server, token);
  const feed = await server.socket(`/ws/progress/s1?ticket=${feedTicket}`, { token: null });
  expect(await feed.next()).toMatchObject({ type: "progress_update" });
  const again = await server.socket(`/ws/progress/s1?ticket=${feedTicket}`, { token: null });
  expect(await again.closed).toEqual({ code: 1008, reason: "Invalid session" });
  for (const path of ["/v1/poll", "/ws/poll"]) {
    const poll = `${path}?channels=chat:1&wait=0&ticket=${await ticketOf(server, token)}`;
    expect((await server.call("GET", poll, { credential: null })).status).toBe(200);
    const repeated = await server.call("GET", poll, { credential: null });
    expect(repeated).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
  }
});

test("[P-TICK-2] the ticket of a stream may be shown again for the same URL, and at no other URL or door", async () => {
  await using server = await startGateway();
  const ticket = await ticketOf(server, await server.token());
  const url = `${server.url}/v1/sse?channels=chat:1&ticket=${ticket}`;
  for (let n = 0; n < 3; n++) {
    const stream = await TestStream.open(url);
    expect(await stream.next()).toMatchObject({ type: "welcome", user_id: "7" });
    stream.cut();
  }
  const status = async (path: string) =>
    (await server.call("GET", path, { credential: null })).status;
  expect(await status(`/v1/sse?channels=chat:2&ticket=${ticket}`)).toBe(401);
  expect(await status(`/v1/poll?channels=chat:1&wait=0&ticket=${ticket}`)).toBe(401);
  const socket = await server.socket(`/ws?ticket=${ticket}`, { token: null });
  expect(await socket.closed).toMatchObject(refused);
  const used = await ticketOf(server, await server.token());
  await (await server.socket(`/ws?ticket=${used}`, { token: null })).next();
  for (let n = 0; n < 2; n++)
    expect(await status(`/v1/sse?channels=chat:1&ticket=${used}`)).toBe(401);
});

test("[P-TICK-3] [G10] a revocation of the token reaches the connection of its ticket, and a ticket that is not used yet", async () => {
  await using server = await startGateway();
  const token = await server.token();
  const { jti } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  const socket = await server.socket(`/ws?ticket=${await ticketOf(server, token)}`, {
    token: null,
  });
  await socket.next();
  const unused = await ticketOf(server, token);
  await server.call("POST", "/v1/revoke", { body: { token: jti } });
  expect(await socket.closed).toMatchObject({ code: 4102 });
  const late = await server.socket(`/ws?ticket=${unused}`, { token: null });
  expect(await late.closed).toMatchObject({ code: 4102 });
});

test("[P-TICK-4] an API key issues tickets for a user or session, and a user for itself only", async () => {
  await using server = await startGateway();
  const body = { user: "9", session: "s9", channels: { publish: ["room:*"] }, ttl_ms: 5_000 };
  const issued = await server.call("POST", "/v1/tickets", { body });
  expect(issued.status).toBe(201);
  expect(issued.headers.get("cache-control")).toContain("no-store");
  const socket = await server.socket(`/ws?ticket=${issued.body.ticket}`, { token: null });
  expect(await socket.next()).toMatchObject({ user_id: "9", session_id: "s9" });
  socket.send({ type: "publish", id: 1, channel: "room:1", event: "e", data: 1 });
  expect(await socket.nextOf("reply")).toMatchObject({ result: { channel: "room:1" } });
  const code = "bad_message";
  const nobody = await server.call("POST", "/v1/tickets", { body: {} });
  expect(nobody).toMatchObject({ status: 400, body: { code } });
  const credential = await server.token();
  const other = await server.call("POST", "/v1/tickets", { credential, body: { user: "9" } });
  expect(other).toMatchObject({ status: 400, body: { code } });
  const none = await server.call("POST", "/v1/tickets", { credential: null });
  expect(none.status).toBe(401);
});

test("[P-TICK-1] a ticket is refused where it is no ticket, and in a header", async () => {
  await using server = await startGateway();
  const ticket = await ticketOf(server, await server.token());
  for (const wrong of ["", "x", ticket.slice(1), `${ticket}A`, "A".repeat(43), "%00"]) {
    const socket = await server.socket(`/ws?ticket=${wrong}`, { token: null });
    expect(await socket.closed).toMatchObject(refused);
  }
  expect((await server.call("GET", "/v1/operations", { credential: ticket })).status).toBe(401);
  expect(
    (await server.call("GET", `/v1/operations?ticket=${ticket}`, { credential: null })).status,
  ).toBe(401);
  const off = await startGateway({
    auth: { tokenSecret: "another secret that is long enough, yes", tokenInQuery: false },
  });
  await using closing = off;
  const own = await ticketOf(closing, await closing.token());
  const socket = await closing.socket(`/ws?ticket=${own}`, { token: null });
  expect(await socket.next()).toMatchObject({ type: "welcome" });
});

test("[P-TICK-1] a ticket sends messages of its user once, for each connection's path, and ?token= sends none", async () => {
  await using server = await startGateway();
  const token = await server.token();
  const body = [{ type: "publish", id: 1, channel: "chat:1", event: "e", data: 1 }];
  const send = (path: string, query: string) =>
    server.call("POST", `${path}?${query}`, { credential: null, body });
  for (const path of ["/v1/connections/-/messages", "/ws/connections/-/messages"]) {
    const query = `ticket=${await ticketOf(server, token)}`;
    expect(await send(path, query)).toMatchObject({ status: 200, body: [{ result: {} }] });
    expect(await send(path, query)).toMatchObject({ status: 401 });
    expect(await send(path, `token=${token}`)).toMatchObject({ status: 401 });
  }
});
