import { describe, expect, test } from "vitest";
import { testCore } from "../testing/index.ts";
import type { Rule } from "./rule.ts";

const retention = { maxEntries: 100, maxAgeMs: 60_000 };
const open = { subscribe: "authenticated", publish: "authenticated", retention } as const;
const grants = { subscribe: ["chat:*"], publish: ["chat:*"] };

function node(rules: readonly Rule[] = []) {
  const t = testCore({ rules });
  const ada = t.user("ada", { grants });
  const eve = t.user("eve", { grants });
  const publish = (who: typeof ada, event: string, data: unknown, channel = "chat:1") =>
    t.core.channels.publish(who, channel, event, data);
  return Object.assign(t, { ada, eve, publish });
}

const forbidden = (publish: Promise<unknown>) =>
  expect(publish).rejects.toMatchObject({
    code: "forbidden",
    message: expect.stringMatching(/belongs to another author/),
  });
const chunk = (messageId: string, isComplete = false) => ({
  messageId,
  content: "x",
  isComplete,
  role: "user",
});

describe("ids that belong to their author", () => {
  test("[P-RULE-21] nobody else writes, completes or edits a chat's message, in any of its events, and the author may", async () => {
    await using t = node();
    await t.publish(t.ada, "chat_message_chunk", chunk("m"));
    await forbidden(t.publish(t.eve, "chat_message_chunk", chunk("m")));
    await forbidden(t.publish(t.eve, "chat_message_chunk", chunk("m", true)));
    const edit = { id: "m", content: "no", role: "user" };
    await forbidden(t.publish(t.eve, "chat_message", edit));
    const also = { messageId: "m", content: "no", role: "user" };
    await forbidden(t.publish(t.eve, "chat_message", also));
    await t.publish(t.eve, "chat_message", edit, "chat:2");
    const elsewhere = t.user("ada", { session: "another", grants });
    await t.publish(elsewhere, "chat_message_chunk", chunk("m", true));
    await t.publish(t.ada, "chat_message", { ...edit, content: "edited" });
    await forbidden(t.publish(t.eve, "chat_message_chunk", chunk("m")));
    const { snapshot } = await t.core.channels.snapshot(t.service, "chat:1");
    expect(snapshot?.state).toMatchObject({ messages: [{ id: "m", content: "edited" }] });
  });

  test("[P-RULE-21] a message without an id cannot be edited by the id that its offset gives it, except by its author", async () => {
    await using t = node();
    const message = { content: "Hello", role: "user" };
    await forbidden(t.publish(t.eve, "chat_message", { ...message, id: "@1" }));
    await t.publish(t.ada, "chat_message", message);
    await forbidden(t.publish(t.eve, "chat_message", { ...message, id: "@1" }));
    await forbidden(t.publish(t.eve, "chat_message_chunk", chunk("@1")));
    await forbidden(t.publish(t.eve, "chat_message", { ...message, id: "@2" }));
    // A service takes no such id before its time either.
    await t.publish(t.service as never, "chat_message", { ...message, id: "@3" });
    await t.publish(t.ada, "chat_message", message);
    await t.publish(t.ada, "chat_message", { ...message, content: "edited", id: "@1" });
  });

  test("[P-RULE-21] a service may write under every id, and no user takes an id of a service", async () => {
    await using t = node();
    await t.publish(t.ada, "chat_message_chunk", chunk("of-ada"));
    await t.publish(t.service as never, "chat_message_chunk", chunk("of-ada", true));
    await t.publish(t.service as never, "chat_message_chunk", chunk("answer"));
    await forbidden(t.publish(t.eve, "chat_message_chunk", chunk("answer", true)));
    await forbidden(t.publish(t.eve, "chat_message_chunk", chunk("of-ada")));
  });

  test("[P-RULE-21] the ids of a rule are fields by event, also of several names, and * stands for all other events", async () => {
    const bindIds = { note: ["ref.id", "old"], "*": "id" } as const;
    await using t = node([{ pattern: "board:*", ...open, bindIds }]);
    const publish = (who: typeof t.ada, event: string, data: unknown) =>
      t.publish(who, event, data, "board:1");
    await publish(t.ada, "note", { ref: { id: 7 } });
    await forbidden(publish(t.eve, "note", { ref: { id: "7" } }));
    await forbidden(publish(t.eve, "note", { old: 7 }));
    await forbidden(publish(t.eve, "other", { id: 7 }));
    await publish(t.eve, "note", { id: 7 });
    await publish(t.eve, "note", { ref: { id: "a" }, old: "a" });
    await expect(publish(t.eve, "note", { ref: { id: "a" }, old: "b" })).rejects.toMatchObject({
      code: "bad_message",
    });
    const envelope = { $enc: { v: 1 } };
    for (const id of [{}, [], true, 1.5, "x".repeat(201), envelope]) {
      await expect(publish(t.eve, "other", { id })).rejects.toMatchObject({ code: "invalid_data" });
    }
    for (const data of [{ id: null }, { id: "" }, {}, "text", null, 5]) {
      await publish(t.eve, "other", data);
    }
  });

  test("[P-RULE-21] an id that is there twice is refused over a connection, whichever value comes first", async () => {
    await using t = node([{ pattern: "board:*", ...open, bindIds: { "*": "id" } }]);
    await t.publish(t.ada, "note", { id: "of-ada" }, "board:1");
    const socket = t.connect({ principal: t.eve });
    await t.clock.settle();
    socket.take();
    for (const ids of ['"id":"of-ada","id":"mine"', '"id":"mine","id":"of-ada"']) {
      socket.sendText(
        `{"type":"publish","id":1,"channel":"board:1","event":"note","data":{${ids}}}`,
      );
      await t.clock.settle();
      expect(socket.take()).toMatchObject([{ error: { code: "bad_message" } }]);
    }
  });

  test("[P-RULE-21] a piece of a text stream must name its text, so that nobody appends to the text of another", async () => {
    const rule = { ...open, projection: { name: "text" } } as const;
    const bindIds = { "*": ["messageId", "message_id"] } as const;
    await using t = node([{ pattern: "text:*", ...rule, bindIds }]);
    const publish = (who: typeof t.ada, data: unknown) => t.publish(who, "piece", data, "text:1");
    await publish(t.ada, { messageId: "a", append: "Once" });
    await forbidden(publish(t.eve, { messageId: "a", append: "!" }));
    await forbidden(publish(t.eve, { message_id: "a", done: true }));
    await expect(publish(t.eve, { append: "!" })).rejects.toMatchObject({ code: "invalid_data" });
    await publish(t.ada, { messageId: "a", append: " upon", done: true });
    const { snapshot } = await t.core.channels.snapshot(t.service, "text:1");
    expect(snapshot?.state).toEqual({ message_id: "a", text: "Once upon", done: true });
  });

  test.each([
    ["no event", { bindIds: {} }],
    ["no field", { bindIds: { a: "" } }],
    ["an empty list", { bindIds: { a: [] } }],
    ["a name that is no event", { bindIds: { "no event": "id" } }],
    ["outage local", { bindIds: { a: "id" }, outage: "local" }],
    ["encrypted data", { bindIds: { a: "id" }, encrypted: true }],
    ["another id than that of the text", { bindIds: { a: "id" }, projection: { name: "text" } }],
  ] as const)("[P-RULE-6] a rule that binds ids with %s is refused", (_, said) => {
    expect(() => testCore({ rules: [{ pattern: "a", ...open, ...said }] })).toThrow(
      /rule "a": bindIds /,
    );
  });
});
