import { describe, expect, it } from "vitest";
import { connectedClient, settle } from "../testing/index.ts";
import { openChat } from "./chat.ts";

const at = (offset: number) => `e1.${offset}.t${offset}`;

const chunk = (offset: number, content: string, isComplete = false, messageId = "a") => ({
  type: "event",
  channel: "chat:42",
  position: at(offset),
  event: "chat_message_chunk",
  data: { messageId, content, isComplete },
  ts: 1_000 + offset,
});

async function setUp() {
  const { client, gateway, clock, errors } = await connectedClient();
  const chat = openChat(client, "42");
  const answer = async (offset: number, state: unknown, rest: object = {}) => {
    await settle();
    await gateway.last.reply(gateway.last.take("subscribe"), {
      channel: "chat:42",
      position: at(offset),
      recovered: false,
      snapshot: { projection: "chat", state },
      ...rest,
    });
    await settle();
  };
  return { clock, gateway, client, errors, chat, answer };
}

const message = (content: string, isComplete = false, id = "a") => ({
  id,
  role: "assistant",
  content,
  isComplete,
  at: 1_000,
});

describe("a chat", () => {
  it("a chat reports a listener that throws to the client's onError", async () => {
    const { chat, answer, errors } = await setUp();
    const error = new Error("listener");
    chat.subscribe(() => {
      throw error;
    });
    await answer(0, { messages: [] });
    expect(errors).toContain(error);
  });

  it("[P-CHAT-3] a chat starts with the snapshot's messages and appends each later chunk exactly once", async () => {
    const { gateway, chat, answer } = await setUp();
    const stop = chat.subscribe(() => {});
    expect(chat.view).toMatchObject({ status: "starting", messages: [] });
    await answer(2, { messages: [message("ab")] });
    await gateway.last.say(chunk(2, "b"), chunk(3, "c"), chunk(4, "!", true));
    await settle();
    expect(chat.messages()).toEqual([{ ...message("abc!", true), at: 1_004 }]);
    expect(chat.view.status).toBe("live");
    stop();
  });

  it("[P-CHAT-3] a chat keeps its messages while disconnected, resumes after them, and replaces them on a reset", async () => {
    const { gateway, clock, chat, answer } = await setUp();
    chat.subscribe(() => {});
    await answer(1, { messages: [message("a")] });
    await gateway.last.drop();
    expect(chat.view).toMatchObject({ status: "interrupted", messages: [{ content: "a" }] });
    await clock.advance(16_000);
    await gateway.last.accept();
    await settle();
    const again = gateway.last.take("subscribe");
    expect(again).toMatchObject({ since: at(1) });
    await gateway.last.reply(again, {
      channel: "chat:42",
      position: at(9),
      recovered: false,
      reason: "trimmed",
      snapshot: { projection: "chat", state: { messages: [message("all of it", true)] } },
    });
    await settle();
    expect(chat.messages()).toEqual([message("all of it", true)]);
  });

  it("send() publishes the message with the key from its options", async () => {
    const { gateway, chat } = await setUp();
    const sent = chat.send("hello", { id: "q", attachments: [{ url: "x" }], key: "k" });
    await settle();
    const publish = gateway.last.take("publish");
    expect(publish).toMatchObject({
      channel: "chat:42",
      event: "chat_message",
      data: { id: "q", content: "hello", role: "user", attachments: [{ url: "x" }] },
      key: "k",
    });
    await gateway.last.reply(publish, { channel: "chat:42", position: at(1), duplicate: false });
    await expect(sent).resolves.toMatchObject({ position: at(1) });
  });

  it("answer() yields the message after each change until it is complete, even when chunks arrive while the loop is busy", async () => {
    const { gateway, chat, answer } = await setUp();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { content } of chat.answer("a")) {
        seen.push(content);
        // More chunks arrive while the loop's body runs.
        if (content === "one") await gateway.last.say(chunk(2, " two"));
        if (content === "one two") await gateway.last.say(chunk(3, " three", true));
      }
    })();
    await answer(0, null);
    await gateway.last.say(chunk(1, "one"));
    await reading;
    expect(seen).toEqual(["one", "one two", "one two three"]);
    await settle();
    expect(gateway.last.count("unsubscribe")).toBe(1);
  });

  it("answer() returns done when the chat ends, and rejects with the chat's error or the signal's reason", async () => {
    const ended = await setUp();
    const over = ended.chat.answer("a").next();
    await ended.answer(1, { messages: [] });
    const end = { type: "end", channel: "chat:42", position: at(2), reason: "closed" };
    await ended.gateway.last.say(end);
    await expect(over).resolves.toMatchObject({ done: true });

    const refused = await setUp();
    const failed = refused.chat.answer("a").next();
    await settle();
    await refused.gateway.last.refuse(refused.gateway.last.take("subscribe"), {
      code: "forbidden",
    });
    await expect(failed).rejects.toMatchObject({ code: "forbidden" });

    const aborted = await setUp();
    const controller = new AbortController();
    const given = aborted.chat.answer("a", { signal: controller.signal }).next();
    await aborted.answer(0, null);
    controller.abort(new Error("enough"));
    await expect(given).rejects.toThrow("enough");
  });

  it("a chat reports its end, and unchanged messages keep their identity", async () => {
    const { gateway, chat, answer } = await setUp();
    chat.subscribe(() => {});
    await answer(2, { messages: [message("b", true, "b"), message("a")] });
    const [before] = chat.messages();
    await gateway.last.say(chunk(3, "c"));
    expect(chat.messages()[0]).toBe(before);
    expect(chat.view).toBe(chat.view);
    await gateway.last.say({ type: "end", channel: "chat:42", position: at(4), reason: "closed" });
    await settle();
    expect(chat.view).toMatchObject({ status: "ended", end: { reason: "closed" } });
  });
});
