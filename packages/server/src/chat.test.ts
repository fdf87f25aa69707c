import { describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "./testing/test-gateway.ts";

async function readerOf(server: TestGateway, channel: string) {
  const channels = { subscribe: [channel], publish: [channel] };
  const token = await server.token({ channels });
  const socket = await server.socket(`/ws?channels=${channel}`, { token });
  return { socket, started: await socket.nextOf("subscribed") };
}

describe("a chat through a gateway, read by a plain WebSocket", () => {
  it("[P-CHAT-2] [P-CHAT-3] a late subscriber's snapshot joins the chunks of a message so far, and the next chunk follows live", async () => {
    await using server = await startGateway();
    const early = await readerOf(server, "chat:42");
    for (const content of ["To ", "the "]) {
      await server.gateway.publish("chat:42", "chat_message_chunk", {
        messageId: "a",
        content,
        isComplete: false,
      });
    }
    const late = await readerOf(server, "chat:42");
    expect(late.started.snapshot).toMatchObject({
      projection: "chat",
      state: { messages: [{ id: "a", content: "To the ", isComplete: false }] },
    });
    const rest = { messageId: "a", content: "sea", isComplete: true };
    await server.gateway.publish("chat:42", "chat_message_chunk", rest);
    const news = await late.socket.next();
    expect(news).toMatchObject({ type: "chat_message_chunk", data: rest });
    for (const content of ["To ", "the ", "sea"]) {
      const message = await early.socket.nextOf("chat_message_chunk");
      expect(message.data.content).toBe(content);
      expect(message).toMatchObject({
        event_id: expect.stringContaining("chat:42@"),
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      });
    }
  });

  it("[P-CHAT-1] the gateway refuses invalid chat data over WebSocket and HTTP and names the field", async () => {
    await using server = await startGateway();
    const { socket } = await readerOf(server, "chat:42");
    const wrong: readonly (readonly [string, object, string])[] = [
      ["chat_message", { content: "x" }, "role"],
      ["chat_message", { content: "x", role: "user", attachments: "y" }, "attachments"],
      ["chat_message_chunk", { messageId: "a", content: "x", isComplete: "no" }, "isComplete"],
      ["chat_message_chunk", { content: "x", isComplete: true }, "messageId"],
      ["agent_status_update", { isActive: true, progress: 101 }, "progress"],
    ];
    for (const [i, [event, data, field]] of wrong.entries()) {
      const { error } = await socket.ask({
        type: "publish",
        id: i,
        channel: "chat:42",
        event,
        data,
      });
      expect(error, event).toMatchObject({ code: "invalid_data" });
      expect(error.message).toContain(field);
      const body = { channel: "chat:42", event, data };
      expect(await server.call("POST", "/v1/publish", { body })).toMatchObject({
        status: 422,
        body: { code: "invalid_data" },
      });
    }
    const typing = { type: "publish", id: "t", channel: "chat:42", event: "typing", data: 1 };
    expect(await socket.ask(typing)).toMatchObject({ result: { duplicate: false } });
  });
});

describe("a dashboard through a gateway, read by a plain WebSocket", () => {
  it("[P-DASH-2] [P-DASH-3] a dashboard starts with a snapshot of its tasks; events and replies have event_id and timestamp", async () => {
    await using server = await startGateway();
    const publish = (event: string, data: object) =>
      server.gateway.publish("dashboard:1", event, data);
    await publish("task_status", { task_id: "t1", status: "running" });
    const { socket, started } = await readerOf(server, "dashboard:1");
    expect(started.snapshot.state.tasks).toEqual({ t1: { task_id: "t1", status: "running" } });
    await publish("agent_activity", { agent_id: "a1", activity: "idle" });
    await publish("calendar_event", { calendar_event_id: "c", title: "Review", starts_at: 1 });
    const stamped = {
      event_id: expect.stringMatching(/^dashboard:1@/),
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    };
    expect(await socket.next()).toMatchObject({ type: "agent_activity", ...stamped });
    const calendar = await socket.next();
    expect(calendar).toMatchObject({ type: "calendar_event", ...stamped });
    socket.send({ type: "ping", id: 1 });
    const { event_id } = calendar;
    expect(await socket.next()).toMatchObject({ type: "pong", id: 1, ...stamped, event_id });
    expect(await socket.ask({ type: "subscribe", id: 2, channel: "dashboard:1" })).toMatchObject({
      error: { code: "already_subscribed" },
      ...stamped,
    });
  });

  it("[P-DASH-1] the gateway refuses invalid dashboard data and names the field", async () => {
    await using server = await startGateway();
    const wrong: readonly (readonly [string, object, string])[] = [
      ["task_status", { task_id: "t1", status: "asleep" }, "status"],
      ["agent_activity", { activity: "idle" }, "agent_id"],
      ["calendar_event", { calendar_event_id: "c", title: "x", starts_at: "noon" }, "starts_at"],
    ];
    for (const [event, data, field] of wrong) {
      const body = { channel: "dashboard:1", event, data };
      const answer = await server.call("POST", "/v1/publish", { body });
      expect(answer).toMatchObject({ status: 422, body: { code: "invalid_data" } });
      expect(answer.body.detail).toContain(field);
    }
  });
});
