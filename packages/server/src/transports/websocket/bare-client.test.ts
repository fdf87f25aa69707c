import { personalDefault } from "@milepost/core";
import { expect, it } from "vitest";
import { startGateway, type TestGateway } from "../../testing/test-gateway.ts";
import { TestStream } from "../../testing/test-stream.ts";

/** Connects as a page that knows nothing but the URL of the socket and its token. */
async function bare(server: TestGateway, query = "") {
  const token = await server.token();
  const socket = await server.socket(`/ws?token=${token}${query}`, { token: null });
  const welcome = await socket.nextOf("welcome");
  let last = "";
  for (let n = 0; n < 4; n++) last = String((await socket.nextOf("subscribed")).event_id);
  return { socket, id: String(welcome.connection_id), last };
}

it("[P-PERS-1] [M3] a socket with nothing but a token receives what is sent to everyone, its user, its session and its connection", async () => {
  await using server = await startGateway({ autoSubscribe: personalDefault });
  const { socket, id } = await bare(server);
  for (const channel of ["broadcast", "user:7", "session:s1", `connection:${id}`]) {
    await server.call("POST", "/v1/publish", {
      body: { channel, event: "note", data: { channel } },
    });
    expect(await socket.nextOf("note")).toMatchObject({
      type: "note",
      event_id: expect.stringContaining(`${channel}@`),
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      channel,
      data: { channel },
    });
  }
});

it("[P-PERS-4] [C5] a bare client that comes back with connection_id and last_event_id replays what it missed on all its channels", async () => {
  await using server = await startGateway({ autoSubscribe: personalDefault });
  const first = await bare(server);
  first.socket.ws.terminate();
  const channels = ["broadcast", "user:7", "session:s1", `connection:${first.id}`];
  for (const channel of channels) await server.gateway.publish(channel, "note", { channel });
  const query = `&connection_id=${first.id}&last_event_id=${encodeURIComponent(first.last)}`;
  const token = await server.token();
  const socket = await server.socket(`/ws?token=${token}${query}`, { token: null });
  expect(await socket.nextOf("welcome")).toMatchObject({ connection_id: first.id });
  const missed: unknown[] = [];
  while (missed.length < 4) missed.push((await socket.nextOf("note")).channel);
  expect(missed.sort()).toEqual([...channels].sort());
});

it("[P-PERS-2] personal=0 declines the personal channels, personal=1 asks for them in the SDK's dialect, and anything else is refused", async () => {
  await using server = await startGateway({ autoSubscribe: personalDefault });
  const token = await server.token();
  const declined = await server.socket(`/ws?token=${token}&personal=0`, { token: null });
  await declined.nextOf("welcome");
  declined.send({ type: "ping", id: 1 });
  expect(await declined.next()).toMatchObject({ type: "pong", id: 1 });
  const sdk = await server.socket("/ws?personal=1", { subprotocols: ["milepost.v1.json"] });
  await sdk.nextOf("subscribed");
  await expect(server.socket("/ws?personal=maybe")).rejects.toThrow(/400/);
});

it("[P-DIA-10] [W4] a socket with dialect=dashboard gets its replies as ack and error, with event_id and timestamp", async () => {
  await using server = await startGateway({ autoSubscribe: personalDefault, compression: true });
  const { socket } = await bare(server, "&dialect=dashboard");
  socket.send({ type: "subscribe", id: 'a"type":"reply","result":', channel: "chat:42" });
  expect(await socket.nextOf("ack")).toMatchObject({
    type: "ack",
    event_id: expect.stringContaining("broadcast@"),
    timestamp: expect.stringMatching(/Z$/),
    id: 'a"type":"reply","result":',
    data: { channel: "chat:42", recovered: false },
  });
  socket.send({ type: "subscribe", id: 2, channel: "secret:1" });
  expect(await socket.nextOf("error")).toEqual({
    type: "error",
    event_id: expect.stringContaining("broadcast@"),
    timestamp: expect.stringMatching(/Z$/),
    id: 2,
    data: { code: "forbidden", message: expect.any(String), retryable: false },
  });
  await expect(server.socket("/ws?dialect=xml")).rejects.toThrow(/400/);
  await expect(
    server.socket("/ws?dialect=dashboard", { subprotocols: ["milepost.v1.json"] }),
  ).rejects.toThrow(/400/);
});

it("[P-PERS-1] a bare event stream below /ws receives its personal channels", async () => {
  await using server = await startGateway({ autoSubscribe: personalDefault });
  const token = await server.token();
  const stream = await TestStream.open(`${server.url}/ws/sse?token=${token}`);
  await stream.nextOf("welcome");
  for (let n = 0; n < 4; n++) await stream.nextOf("subscribed");
  await server.gateway.publish("user:7", "note", { text: "hi" });
  expect(await stream.nextOf("note")).toMatchObject({ channel: "user:7", data: { text: "hi" } });
});

it("[P-PERS-6] a publisher's own event_id is its key and arrives in the data, by HTTP and by WebSocket", async () => {
  await using server = await startGateway({ autoSubscribe: personalDefault });
  const { socket } = await bare(server);
  const publish = { channel: "broadcast", event: "TaskStatusUpdate", event_id: "e-1" };
  const data = { task_id: "t1", status: "completed" };
  const send = (body: object) => server.call("POST", "/v1/publish", { body });
  expect((await send({ ...publish, data })).body.results[0]).toMatchObject({ duplicate: false });
  expect((await send({ ...publish, data })).body.results[0]).toMatchObject({ duplicate: true });
  expect(await socket.nextOf("TaskStatusUpdate")).toMatchObject({
    event_id: expect.stringContaining("broadcast@"),
    data: { event_id: "e-1", ...data },
  });
  const said = {
    type: "publish",
    id: 1,
    channel: "chat:42",
    event: "said",
    event_id: "e-2",
    data: {},
  };
  const other = await server.socket("/ws?channels=chat:42");
  await other.nextOf("subscribed");
  other.send(said);
  expect(await other.nextOf("said")).toMatchObject({ data: { event_id: "e-2" } });
  for (const bad of [{ data: [1] }, { data: { event_id: "another" } }]) {
    expect(await send({ ...publish, ...bad })).toMatchObject({
      status: 400,
      body: { code: "bad_message" },
    });
  }
});

it("[P-PERS-6] a client may come back with a publisher's id, which continues every channel; an unknown one begins with a gap", async () => {
  await using server = await startGateway({ autoSubscribe: personalDefault });
  const token = await server.token();
  const back = (id: string) =>
    server.socket(`/ws?token=${token}&last_event_id=${id}`, { token: null });
  const note = (channel: string, eventId: string) =>
    server.gateway.publish(channel, "note", { n: eventId }, { eventId });
  await note("broadcast", "b-1");
  await note("broadcast", "b-2");
  // Entries of the same millisecond may come again, so the missed ones are of a later one.
  const at = Date.now();
  while (Date.now() === at) await new Promise((resolve) => setImmediate(resolve));
  await note("user:7", "u-1");
  await note("broadcast", "b-3");
  const socket = await back("b-2");
  const got: string[] = [];
  while (!(got.includes("u-1") && got.includes("b-3")))
    got.push((await socket.nextOf("note")).data.event_id);
  expect(got).not.toContain("b-1");
  expect(got.filter((id) => id === "b-3")).toEqual(["b-3"]);
  const unknown = await back("never-published");
  expect(await unknown.nextOf("gap")).toMatchObject({
    channel: "broadcast",
    reason: "epoch_changed",
  });
  expect(await unknown.nextOf("note")).toMatchObject({ data: { event_id: "b-1" } });
});
