import { Writable } from "node:stream";
import { describe, expect, it, vi } from "vitest";
import * as library from "ws";
import { RawWebSocket } from "../../testing/raw-web-socket.ts";
import { startGateway } from "../../testing/test-gateway.ts";

// ws exports its reader of frames, but its types do not.
const { Receiver } = library as unknown as { readonly Receiver: new () => Writable };

describe("a WebSocket connection", () => {
  it("[G7] the reader of frames ends once when its peer leaves, and that of the library stays as it is", async () => {
    const { end } = Writable.prototype;
    const wasEnded: boolean[] = [];
    const spy = vi.spyOn(Writable.prototype, "end").mockImplementation(function (
      this: Writable,
      ...args: unknown[]
    ) {
      if (this instanceof Receiver) wasEnded.push(this.writableEnded);
      return Reflect.apply(end, this, args) as Writable;
    });
    try {
      await using server = await startGateway();
      using peer = await RawWebSocket.open(server.port, "/ws", await server.token());
      expect(await peer.next()).toMatchObject({ type: "welcome" });
    } finally {
      spy.mockRestore();
    }
    expect(wasEnded).toEqual([false]);
    expect(Object.hasOwn(Receiver.prototype, "end")).toBe(false);
  });

  it("[P-CLOSE-3] a connection that answers pings stays open, and one that does not is closed with 4003", async () => {
    await using server = await startGateway({
      limits: { pingIntervalMs: 50, idleTimeoutMs: 400 },
    });
    const answering = await server.socket();
    using mute = await RawWebSocket.open(server.port, "/ws", await server.token());
    expect(await mute.next()).toMatchObject({ type: "welcome", ping_interval_ms: 50 });
    expect(await mute.closeCode).toBe(4003);
    expect(answering.ws.readyState).toBe(answering.ws.OPEN);
  });

  it("[P-CON-6] a connection that names an open one of its user and session replaces that connection and takes over its id", async () => {
    await using server = await startGateway();
    const old = await server.socket();
    const { connection_id: id } = await old.nextOf("welcome");
    const stranger = await server.socket(`/ws?connection_id=${id}`, {
      token: await server.token({ user: "8", session: "s2" }),
    });
    expect((await stranger.nextOf("welcome")).connection_id).not.toBe(id);
    const heir = await server.socket(`/ws?connection_id=${id}`);
    expect(await heir.nextOf("welcome")).toMatchObject({ connection_id: id });
    expect(await old.closed).toMatchObject({ code: 4001 });
  });

  it("[P-CON-8] a connection gets a notice and is closed with 4101 when its token expires", async () => {
    await using server = await startGateway();
    const token = await server.token({ user: "7", ttlMs: 2_500 });
    const socket = await server.socket("/ws", { token });
    expect(await socket.nextOf("notice")).toMatchObject({ code: "token_expiring" });
    expect(await socket.closed).toMatchObject({ code: 4101 });
  }, 10_000);

  it("[P-SUB-3] a client that reconnects with its last event id receives each entry that it missed once", async () => {
    await using server = await startGateway();
    const first = await server.socket("/ws/chat/42");
    await first.nextOf("subscribed");
    await server.gateway.publish("chat:42", "message", 1);
    const { event_id: cursor } = await first.nextOf("message");
    first.terminate();
    for (const n of [2, 3]) await server.gateway.publish("chat:42", "message", n);
    const second = await server.socket(`/ws?last_event_id=${encodeURIComponent(cursor)}`);
    expect(await second.nextOf("subscribed")).toMatchObject({
      channel: "chat:42",
      recovered: true,
    });
    await server.gateway.publish("chat:42", "message", 4);
    for (const n of [2, 3, 4]) expect((await second.nextOf("message")).data).toBe(n);
    expect(second.arrived).toEqual([]);
  });

  it("[P-DIA-1] a connection in milepost.v1.json receives each entry in order, with its position", async () => {
    await using server = await startGateway();
    const json = await server.socket("/ws/chat/42", { subprotocols: ["milepost.v1.json"] });
    const { position } = await json.nextOf("subscribed");
    for (let n = 1; n <= 50; n++) void server.gateway.publish("chat:42", "message", { n });
    const seen: number[] = [];
    while (seen.length < 50) {
      const event = await json.nextOf("event");
      expect(event).toMatchObject({ channel: "chat:42", event: "message", ts: expect.any(Number) });
      expect(event.position).not.toBe(position);
      seen.push(event.data.n);
    }
    expect(seen).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  });
});

describe("the session feed", () => {
  it("[P-FEED-1] a session feed is refused without a valid token of its session", async () => {
    await using server = await startGateway();
    const expired = await server.token({ session: "s1", ttlMs: -1_000 });
    for (const [path, token] of [
      ["/ws/progress/s2", await server.token()],
      ["/ws/progress/s1", expired],
      ["/ws/progress/s1", "nonsense"],
      ["/ws/progress/s1", null],
      ["/ws/progress/s1", await server.gateway.mintToken({ user: "7" })],
    ] as const) {
      const socket = await server.socket(path, { token });
      expect(await socket.closed).toEqual({ code: 1008, reason: "Invalid session" });
      expect(socket.arrived).toEqual([]);
    }
  });

  it("[P-FEED-2] a session feed sends each operation of its session and every change; [P-FEED-5] it ignores client messages", async () => {
    await using server = await startGateway();
    const { operations } = server.gateway;
    const created = await operations.create({ kind: "index", operation_id: "9", session_id: "s1" });
    await operations.create({ kind: "index", operation_id: "10", session_id: "other" });
    const feed = await server.socket("/ws/progress/s1");
    expect(await feed.next()).toMatchObject({
      type: "progress_update",
      session_id: "s1",
      transaction_id: "9",
      status: "waiting",
    });
    feed.send("{nonsense");
    feed.send({ type: "subscribe", id: 1, channel: "operation:10" });
    await operations.report("9", {
      lease: created.lease.token,
      events: [{ event: "started", data: {} }],
    });
    expect(await feed.next()).toMatchObject({ transaction_id: "9", status: "running" });
    expect(feed.arrived).toEqual([]);
  });
});
