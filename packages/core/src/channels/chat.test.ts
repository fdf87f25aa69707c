import { type ChatState, chatProjection } from "@milepost/model";
import { parsePosition } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { highWaterBytes } from "../send-queue/send-queue.ts";
import { type Received, type TestCore, testCore } from "../testing/index.ts";

const grants = {
  subscribe: ["chat:*", "dashboard:*"],
  publish: ["chat:*", "dashboard:*"],
};

async function open(t: TestCore, channel: string, dialect: "json" | "plain" = "json") {
  const socket = t.connect({ principal: t.reader({ grants }), channels: [channel] }, dialect);
  await t.clock.settle();
  const started = socket.take().find(({ type }) => type === "subscribed");
  return { socket, started };
}

function chunk(t: TestCore, messageId: string, content: string, isComplete = false) {
  return t.publish("chat:42", "chat_message_chunk", { messageId, content, isComplete });
}

function foldOn(state: unknown, messages: readonly Received[]): ChatState | undefined {
  let next = (state ?? undefined) as ChatState | undefined;
  for (const { type, event, data, ts, position } of messages) {
    const at = parsePosition(position);
    if (type !== "event" || !at.ok) continue;
    const { offset } = at.value;
    next = chatProjection.reduce(next, { event: String(event), data, ts: Number(ts), offset });
  }
  return next;
}

describe("chats", () => {
  test("[P-CHAT-3] a reader that subscribes to a chat at any moment of a stream ends up with the same messages as all other readers", async () => {
    await using t = testCore();
    const first = await open(t, "chat:42");
    const readers = [];
    for (let n = 0; n < 20; n++) {
      // Some readers subscribe in the same tick as the chunk, before the chunk is delivered.
      const piece = chunk(t, n % 3 === 0 ? "a" : "b", `${n} `, n >= 18);
      readers.push(await open(t, "chat:42"));
      await piece;
    }
    await t.clock.settle();
    const all = foldOn(null, first.socket.take());
    expect(all?.messages.map(({ content }) => content)).toEqual([
      "0 3 6 9 12 15 18 ",
      "1 2 4 5 7 8 10 11 13 14 16 17 19 ",
    ]);
    for (const { socket, started } of readers) {
      const snapshot = started?.snapshot as { readonly state: unknown } | undefined;
      expect(foldOn(snapshot?.state, socket.take())).toEqual(all);
    }
  });

  test("[P-CHAT-3] a slow reader of a chat receives fewer, merged chunks and ends with the same messages", async () => {
    await using t = testCore();
    const slow = await open(t, "chat:42");
    const fast = await open(t, "chat:42");
    slow.socket.stall();
    await t.publish("chat:42", "fill", "x".repeat(highWaterBytes));
    await t.clock.settle();
    await t.publish("chat:42", "fill", "");
    await t.clock.settle();
    for (let n = 0; n < 200; n++) await chunk(t, n < 100 ? "a" : "b", `${n} `, n % 100 === 99);
    await t.publish("chat:42", "agent_status_update", { isActive: false });
    await t.clock.settle();
    slow.socket.resume();
    await t.clock.settle();
    const merged = slow.socket.take();
    expect(merged.filter(({ event }) => event === "chat_message_chunk").length).toBeLessThan(10);
    expect(foldOn(null, merged)).toEqual(foldOn(null, fast.socket.take()));
  });
});

describe("dashboards", () => {
  test("[P-DASH-2] a late subscriber of a dashboard receives the current tasks, agents and calendar", async () => {
    await using t = testCore();
    const tell = (event: string, data: object) => t.publish("dashboard:1", event, data);
    await tell("task_status", { task_id: "t1", status: "running", progress: 10 });
    await tell("agent_activity", { agent_id: "a1", activity: "searching", task_id: "t1" });
    await tell("task_status", { task_id: "t2", status: "pending" });
    await tell("task_status", { task_id: "t1", status: "done" });
    const meeting = { calendar_event_id: "c1", title: "Review", starts_at: 1_700_000_000_000 };
    await tell("calendar_event", meeting);
    await tell("weather", { degrees: 20 });
    const { started } = await open(t, "dashboard:1");
    expect(started?.snapshot).toEqual({
      projection: "dashboard",
      state: {
        tasks: {
          t1: { task_id: "t1", status: "done" },
          t2: { task_id: "t2", status: "pending" },
        },
        agents: { a1: { agent_id: "a1", activity: "searching", task_id: "t1" } },
        calendar: { c1: meeting },
      },
    });
  });

  test("[P-DASH-3] replies in the plain dialect carry the time, and its pongs and events carry the cursor", async () => {
    await using t = testCore();
    const idle = t.connect({ principal: t.user("ada", { grants }) }, "plain");
    await t.clock.settle();
    idle.take();
    const timestamp = new Date(t.clock.now()).toISOString();
    idle.send({ type: "ping", id: 1 });
    idle.send({ type: "nonsense", id: 2 });
    await t.clock.settle();
    expect(idle.take()).toEqual([
      { type: "pong", id: 1, timestamp },
      { type: "reply", id: 2, timestamp, error: expect.objectContaining({ code: "unknown_type" }) },
    ]);
    const { socket } = await open(t, "dashboard:1", "plain");
    const data = { task_id: "t1", status: "running" };
    socket.send({ type: "publish", id: 3, channel: "dashboard:1", event: "task_status", data });
    await t.clock.settle();
    socket.send({ type: "ping" });
    await t.clock.settle();
    const messages = socket.take();
    const event = messages.find(({ type }) => type === "task_status");
    expect(event).toMatchObject({ timestamp, event_id: expect.stringMatching(/^dashboard:1@/) });
    const { event_id } = event ?? {};
    expect(messages.find(({ type }) => type === "reply")).toMatchObject({ id: 3, timestamp });
    expect(messages.at(-1)).toMatchObject({ type: "pong", timestamp, event_id });
    const json = await open(t, "dashboard:1");
    json.socket.send({ type: "ping", id: 1 });
    await t.clock.settle();
    expect(json.socket.take()).toEqual([{ type: "pong", id: 1 }]);
  });
});
