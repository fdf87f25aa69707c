import { describe, expect, test } from "vitest";
import { type TestCore, type TestSocket, testCore } from "../testing/index.ts";

const grants = { subscribe: ["chat:*", "log:*"], publish: ["chat:*", "log:*"] };

async function join(t: TestCore, user: string, ...channels: string[]): Promise<TestSocket> {
  const principal = t.user(user, { session: `of-${user}`, grants });
  const socket = t.connect({ principal, channels }, "plain");
  await t.clock.settle();
  socket.take();
  return socket;
}

async function answersTo(t: TestCore, socket: TestSocket, ...messages: object[]) {
  for (const message of messages) socket.send(message);
  await t.clock.settle();
  return socket.take();
}

describe("the messages of a bare chat client", () => {
  test("[P-LIT-1] a chat message of a bare client is published in the chat that it has joined, with its fields at the top or in payload", async () => {
    await using t = testCore();
    const ada = await join(t, "ada", "chat:42");
    const said = { content: "To the sea", attachments: [{ name: "map.png" }] };
    const received = await answersTo(
      t,
      ada,
      { type: "chat_message", ...said, role: "user" },
      { type: "chat_message", payload: { ...said, role: "user", extra: 1 } },
      { type: "chat_message", id: 7, ...said },
    );
    const events = received.filter(({ type }) => type === "chat_message");
    expect(events.map(({ channel, data }) => [channel, data])).toEqual([
      ["chat:42", { ...said, role: "user" }],
      ["chat:42", { ...said, role: "user", extra: 1 }],
      ["chat:42", { ...said, role: "user" }],
    ]);
    expect(received.filter(({ type }) => type === "reply")).toMatchObject([
      { id: 7, result: { channel: "chat:42", duplicate: false } },
    ]);
    expect(events[0]).toMatchObject({ event_id: expect.stringContaining("chat:42@") });
  });

  test("[P-LIT-1] chunks and agent states of a bare client fold into the state of the chat", async () => {
    await using t = testCore();
    const ada = await join(t, "ada", "chat:42");
    await answersTo(
      t,
      ada,
      { type: "chat_message_chunk", messageId: "m", content: "To ", isComplete: false },
      { type: "chat_message_chunk", payload: { messageId: "m", content: "sea", isComplete: true } },
      { type: "agent_status_update", isActive: true, progress: 40, currentTask: "Packing" },
    );
    const { snapshot } = await t.core.channels.snapshot(t.service, "chat:42");
    expect(snapshot).toMatchObject({
      state: {
        messages: [{ id: "m", role: "user", content: "To sea", isComplete: true }],
        agent: { isActive: true, progress: 40, currentTask: "Packing" },
      },
    });
  });

  test("[P-LIT-2] a bare client in several chats must name one, and only one that it has joined", async () => {
    await using t = testCore();
    const ada = await join(t, "ada", "chat:a", "chat:b", "log:c");
    const hello = { type: "chat_message", content: "hello" };
    const answers = await answersTo(
      t,
      ada,
      { ...hello, id: 1 },
      { ...hello, id: 2, channel: "chat:b" },
      { ...hello, id: 3, channel: "chat:x" },
      { type: "unsubscribe", id: 4, channel: "chat:b" },
      { ...hello, id: 5 },
      { type: "unsubscribe", id: 6, channel: "chat:a" },
      { ...hello, id: 7 },
    );
    const byId = new Map(answers.map((answer) => [answer.id, answer]));
    expect(byId.get(1)).toMatchObject({ error: { code: "bad_message" } });
    expect(byId.get(2)).toMatchObject({ result: { channel: "chat:b" } });
    expect(byId.get(3)).toMatchObject({ error: { code: "not_subscribed" } });
    expect(byId.get(5)).toMatchObject({ result: { channel: "chat:a" } });
    expect(byId.get(7)).toMatchObject({ error: { code: "not_subscribed" } });
  });

  test("[P-LIT-2] a bare client that subscribes and speaks in one go speaks in the chat that it has just joined", async () => {
    await using t = testCore();
    const ada = await join(t, "ada");
    const answers = await answersTo(
      t,
      ada,
      { type: "subscribe", id: 1, channel: "chat:a" },
      { type: "chat_message", content: "hello" },
    );
    expect(answers.map(({ type }) => type)).toEqual(["reply", "chat_message"]);
  });

  test("[P-LIT-2] a bare client whose subscription is refused may not speak in that chat, even if it could publish there", async () => {
    await using t = testCore();
    const principal = t.user("ada", { grants: { subscribe: [], publish: ["chat:*"] } });
    const socket = t.connect({ principal }, "plain");
    await t.clock.settle();
    socket.take();
    const answers = await answersTo(
      t,
      socket,
      { type: "subscribe", id: 1, channel: "chat:a" },
      { type: "chat_message", content: "hello" },
    );
    expect(answers).toMatchObject([
      { id: 1, error: { code: "forbidden" } },
      { id: null, error: { code: "not_subscribed" } },
    ]);
  });

  test("[P-LIT-3] a bare client is told of a refused message that has no id, and its data are checked like those of a publish", async () => {
    await using t = testCore();
    const ada = await join(t, "ada", "chat:42");
    const refused = await answersTo(
      t,
      ada,
      { type: "chat_message", role: "user" },
      { type: "chat_message", payload: "hello" },
      { type: "chat_message_chunk", messageId: "m", content: "x", isComplete: "no" },
      { type: "agent_status_update", isActive: true, progress: 101 },
      { type: "user_typing", isTyping: "yes" },
      { type: "chat_message", id: "x".repeat(65), content: "hello" },
    );
    expect(refused.every(({ id }) => id === null)).toBe(true);
    const codes = refused.map(({ error }) => (error as { code: string }).code);
    expect(codes.toSorted()).toEqual([
      ...["bad_message", "bad_message", "bad_message"],
      ...["invalid_data", "invalid_data", "invalid_data"],
    ]);
  });

  test("[P-LIT-3] a number that JavaScript would change is refused in the payload and in the attachments of a bare client", async () => {
    await using t = testCore();
    const ada = await join(t, "ada", "chat:42");
    for (const fields of [
      '"payload":{"content":"x","size":12345678901234567890}',
      '"content":"x","attachments":[{"size":12345678901234567890}]',
      '"payload":{"content":"x","role":"user","role":"assistant"}',
    ]) {
      ada.sendText(`{"type":"chat_message",${fields}}`);
      await t.clock.settle();
      expect(ada.take()).toMatchObject([{ id: null, error: { code: "bad_message" } }]);
    }
  });

  test("[P-LIT-4] userId and sessionId in a message of a bare client must be those of its credential", async () => {
    await using t = testCore();
    const ada = await join(t, "ada", "chat:42");
    const own = { userId: "ada", sessionId: "of-ada" };
    const hello = { type: "chat_message", content: "hello" };
    for (const foreign of [{ userId: "eve" }, { sessionId: "of-eve" }, { ...own, userId: 7 }]) {
      const answers = await answersTo(
        t,
        ada,
        { ...hello, ...foreign },
        { ...hello, payload: { ...hello, ...foreign } },
        { type: "user_typing", ...foreign },
        { type: "user_typing", payload: foreign },
      );
      expect(answers).toHaveLength(4);
      for (const answer of answers) expect(answer).toMatchObject({ error: { code: "forbidden" } });
    }
    const [said] = await answersTo(t, ada, { ...hello, ...own });
    expect(said).toMatchObject({ type: "chat_message", data: { content: "hello", ...own } });
  });

  test("[P-LIT-5] a heartbeat is answered with a pong, also before auth, and auth takes its fields from payload", async () => {
    await using t = testCore();
    const socket = t.connect({}, "plain");
    const token = t.token(t.user("ada", { session: "s1", grants }));
    const answers = await answersTo(
      t,
      socket,
      { type: "connection_heartbeat", timestamp: "2026-01-01T00:00:00Z" },
      { type: "auth", payload: { token, sessionId: "s1" } },
      { type: "connection_heartbeat", id: 3, payload: { timestamp: 1 } },
    );
    expect(answers).toMatchObject([
      { type: "pong" },
      { type: "welcome", user_id: "ada", session_id: "s1" },
      { type: "pong", id: 3, timestamp: expect.any(String) },
    ]);
    const foreign = t.connect({}, "plain");
    foreign.send({ type: "auth", payload: { token, sessionId: "s2" } });
    await t.clock.settle();
    expect(foreign.closed).toMatchObject({ code: 4403 });
  });

  test("[P-LIT-1] a client of the SDK's dialect has no literal messages", async () => {
    await using t = testCore();
    const socket = t.connect({ principal: t.user("ada", { grants }), channels: ["chat:42"] });
    await t.clock.settle();
    socket.take();
    const answers = await answersTo(t, socket, { type: "chat_message", id: 1, content: "hello" });
    expect(answers).toMatchObject([{ id: 1, error: { code: "unknown_type" } }]);
  });
});

describe("typing of bare chat clients", () => {
  test("[P-LIT-6] a bare client that types becomes present, and the other bare clients of the chat learn who types and who stopped", async () => {
    await using t = testCore();
    const ada = await join(t, "ada", "chat:42");
    const bob = await join(t, "bob", "chat:42");
    expect(await t.core.presence.list(t.service, "chat:42")).toMatchObject({ count: 0 });
    ada.send({ type: "user_typing", userId: "ada", sessionId: "of-ada" });
    await t.clock.advance(1_000);
    const typing = { type: "user_typing", channel: "chat:42" };
    expect(bob.take()).toMatchObject([{ ...typing, data: { userId: "ada", isTyping: true } }]);
    expect(ada.take()).toEqual([]);
    expect(await t.core.presence.list(t.service, "chat:42")).toMatchObject({
      members: [{ user_id: "ada" }],
      typing: ["user:ada"],
    });
    ada.send({ type: "user_typing", isTyping: false });
    await t.clock.advance(1_000);
    expect(bob.take()).toMatchObject([{ ...typing, data: { userId: "ada", isTyping: false } }]);
    ada.send({ type: "user_typing", id: 9 });
    await t.clock.advance(1_000);
    expect(ada.take()).toMatchObject([{ id: 9, result: { channel: "chat:42", typing: true } }]);
    expect(bob.take()).toHaveLength(1);
    await t.clock.advance(10_000);
    expect(bob.take()).toMatchObject([{ ...typing, data: { userId: "ada", isTyping: false } }]);
  });

  test("[P-LIT-6] a page of the SDK sees a bare client type, and a bare client sees a page type", async () => {
    await using t = testCore();
    const bare = await join(t, "ada", "chat:42");
    const page = t.connect({ principal: t.user("bob", { grants }) });
    await t.clock.settle();
    page.send({ type: "subscribe", id: 1, channel: "chat:42", presence: true });
    await t.clock.settle();
    page.take();
    bare.send({ type: "user_typing" });
    await t.clock.advance(1_000);
    expect(page.take()).toMatchObject([{ type: "presence", typing: ["user:ada"] }]);
    const params = { channel: "chat:42", typing: true };
    page.send({ type: "request", id: 2, method: "presence.typing", params });
    await t.clock.advance(1_000);
    expect(bare.take()).toMatchObject([
      { type: "user_typing", data: { userId: "bob", sessionId: null, isTyping: true } },
    ]);
  });

  test("[P-LIT-6] a bare client whose last connection is lost stops typing, and a service cannot type", async () => {
    await using t = testCore();
    const ada = await join(t, "ada", "chat:42");
    const bob = await join(t, "bob", "chat:42");
    ada.send({ type: "user_typing" });
    await t.clock.advance(1_000);
    bob.take();
    ada.drop();
    await t.clock.advance(20_000);
    expect(bob.take()).toMatchObject([{ data: { userId: "ada", isTyping: false } }]);
    const service = t.connect({ principal: t.service, channels: ["chat:42"] }, "plain");
    await t.clock.settle();
    service.take();
    const answers = await answersTo(t, service, { type: "user_typing" });
    expect(answers).toMatchObject([{ id: null, error: { code: "not_subscribed" } }]);
  });

  test("[P-LIT-6] a bare client that stalls misses typing and still receives every message", async () => {
    await using t = testCore();
    const ada = await join(t, "ada", "chat:42");
    const bob = await join(t, "bob", "chat:42");
    bob.stall();
    await t.publish("chat:42", "fill", "x".repeat(300_000));
    await t.clock.settle();
    await t.publish("chat:42", "fill", "");
    ada.send({ type: "user_typing" });
    await t.clock.advance(1_000);
    ada.send({ type: "chat_message", content: "hello" });
    await t.clock.settle();
    bob.resume();
    await t.clock.settle();
    const types = bob.take().map(({ type }) => type);
    expect(types).not.toContain("user_typing");
    expect(types).toContain("chat_message");
  });
});

describe("roles in a chat", () => {
  const retention = { maxEntries: 100, maxAgeMs: 60_000 };
  const open = { subscribe: "authenticated", publish: "authenticated", retention } as const;

  test("[P-CHAT-5] a user speaks as user only, by publish as by a literal message, and a service in every role", async () => {
    await using t = testCore();
    const ada = await join(t, "ada", "chat:42");
    const chunk = { messageId: "m", content: "x", isComplete: true };
    const publish = { type: "publish", id: 3, channel: "chat:42" };
    const answers = await answersTo(
      t,
      ada,
      { type: "chat_message", id: 1, content: "x", role: "assistant" },
      { type: "chat_message_chunk", id: 2, ...chunk, role: "assistant" },
      { ...publish, event: "chat_message", data: { content: "x", role: "system" } },
      { ...publish, id: 4, event: "chat_message_chunk", data: chunk },
      { ...publish, id: 5, event: "chat_message_chunk", data: { ...chunk, role: "user" } },
      { ...publish, id: 6, event: "chat_message", data: { content: "x", role: "constructor" } },
    );
    const codes = answers
      .filter(({ type }) => type === "reply")
      .map(({ id, error }) => [id, (error as { code?: string } | undefined)?.code]);
    expect(codes.toSorted()).toEqual([
      [1, "forbidden"],
      [2, "forbidden"],
      [3, "forbidden"],
      [4, "forbidden"],
      [5, undefined],
      [6, "forbidden"],
    ]);
    await t.publish("chat:42", "chat_message", { content: "x", role: "assistant" });
    await t.publish("chat:42", "chat_message_chunk", { ...chunk, messageId: "n" });
  });

  test("[P-CHAT-5] a rule names who may speak in a role, and a rule without roles restricts nobody", async () => {
    const agents = { claim: "agent", equals: true } as const;
    await using t = testCore({
      rules: [
        { pattern: "chat:team:{room}", ...open, roles: { user: "anyone", assistant: agents } },
        { pattern: "chat:any:{room}", ...open, roles: { "*": "authenticated" } },
        { pattern: "chat:free:{room}", ...open },
      ],
    });
    const say = (principal: Parameters<typeof t.core.channels.publish>[0], room: string) =>
      t.core.channels.publish(principal, `chat:${room}:1`, "chat_message", {
        content: "x",
        role: "assistant",
      });
    await say(t.user("bot", { claims: { agent: true } }), "team");
    await say(t.user("ada"), "any");
    await say(t.user("ada"), "free");
    await expect(say(t.user("ada"), "team")).rejects.toMatchObject({ code: "forbidden" });
  });

  test.each([
    [{}, "1 to 20 roles"],
    [{ ["x".repeat(33)]: "anyone" }, "1 to 32 characters"],
    [{ user: "operation-owner" }, "decided by the credential"],
    [{ user: "own-user" }, "must have {user}"],
  ] as const)(
    "[P-CHAT-5] the rule with the roles %j is refused with the reason",
    (roles, reason) => {
      expect(() => testCore({ rules: [{ pattern: "chat:x:{room}", ...open, roles }] })).toThrow(
        reason,
      );
    },
  );
});
