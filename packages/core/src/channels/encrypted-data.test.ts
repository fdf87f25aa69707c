import { describe, expect, it } from "vitest";
import { testCore } from "../testing/test-core.ts";

const envelope = (ct = "AAAAAAAAAAAAAAAAAAAAAAAA") => ({
  $encrypted: { v: 1, kid: "k1", id: "m1", iv: "AAAAAAAAAAAAAAAA", ct },
});
const kept = { maxEntries: 100, maxAgeMs: 60_000 };
const open = { subscribe: "authenticated", publish: "authenticated", retention: kept } as const;
const invalid = { code: "invalid_data" };

describe("encrypted data", () => {
  it("[P-ENC-4] a rule that requires encryption refuses plain data and stores nothing of it", async () => {
    await using node = testCore({
      rules: [
        { pattern: "vault:{id}", ...open, encrypted: true },
        { pattern: "form:{id}", ...open, encrypted: ["name", "mail"] },
      ],
    });
    for (const data of ["canary", null, { a: envelope() }, { $encrypted: 1 }, [envelope()]]) {
      await expect(node.publish("vault:1", "note", data)).rejects.toMatchObject(invalid);
    }
    await expect(node.publish("vault:1", "note", { $encrypted: "x" })).rejects.toMatchObject(
      invalid,
    );
    await node.publish("vault:1", "note", envelope());
    await expect(node.publish("form:1", "sent", { name: "canary" })).rejects.toMatchObject({
      ...invalid,
      message: expect.stringContaining("name of sent must be encrypted"),
    });
    for (const data of ["canary", { name: envelope(), mail: "canary" }]) {
      await expect(node.publish("form:1", "sent", data)).rejects.toMatchObject(invalid);
    }
    await node.publish("form:1", "sent", { name: envelope(), age: 7 });
    await node.publish("form:1", "sent", envelope());
    for (const [channel, count] of [
      ["vault:1", 1],
      ["form:1", 2],
    ] as const) {
      const { entries } = await node.core.channels.history(node.service, channel);
      expect(entries).toHaveLength(count);
    }
  });

  it("[P-ENC-5] a schema sees the envelope, and its refusal says so", async () => {
    const fails = { issues: [{ message: "text must be a string" }] };
    const validate = (value: unknown) =>
      typeof (value as { text?: unknown }).text === "string" ? { value } : fails;
    const schema = { note: { "~standard": { version: 1, vendor: "test", validate } } } as const;
    await using node = testCore({ rules: [{ pattern: "note:{id}", ...open, schema }] });
    for (const data of [envelope(), { text: envelope() }]) {
      await expect(node.publish("note:1", "note", data)).rejects.toMatchObject({
        ...invalid,
        message: expect.stringContaining("a schema sees only the envelopes"),
      });
    }
    await node.publish("note:1", "note", { text: "plain", more: envelope() });
    await expect(node.publish("note:1", "note", { text: 1 })).rejects.toMatchObject({
      message: expect.not.stringContaining("envelope"),
    });
  });

  it("[P-ENC-5] a chat keeps an encrypted message as its envelope with an empty text", async () => {
    await using node = testCore();
    const content = envelope();
    await node.publish("chat:1", "chat_message", { id: "a", role: "user", content });
    await node.publish("chat:1", "chat_message", { id: "b", role: "user", content: "plain" });
    for (const wrong of [envelope("AAAA"), { $encrypted: "x" }, envelope("A".repeat(200_000))]) {
      const data = { id: "c", role: "user", content: wrong };
      await expect(node.publish("chat:1", "chat_message", data)).rejects.toMatchObject(invalid);
    }
    const { snapshot } = await node.core.channels.snapshot(node.service, "chat:1");
    expect(snapshot?.state).toMatchObject({
      messages: [
        { id: "a", role: "user", content: "", encrypted: content, isComplete: true },
        { id: "b", content: "plain" },
      ],
    });
  });

  it("[P-ENC-5] a projection refuses encrypted data that it would have to read, and keeps other encrypted fields", async () => {
    await using node = testCore({
      rules: [
        { pattern: "own-chat:{id}", ...open, projection: { name: "chat" } },
        { pattern: "text:{id}", ...open, projection: { name: "text" } },
        { pattern: "keyed:{id}", ...open, projection: { name: "keyed", by: "id" } },
        { pattern: "latest:{id}", ...open, projection: { name: "latest" } },
      ],
    });
    const refused = [
      ["own-chat:1", "chat_message", envelope()],
      ["own-chat:1", "chat_message_chunk", { messageId: "m", content: envelope() }],
      ["text:1", "text", { append: envelope() }],
      ["keyed:1", "set", envelope()],
      ["keyed:1", "set", { id: envelope(), value: 1 }],
    ] as const;
    for (const [channel, event, data] of refused) {
      await expect(node.publish(channel, event, data)).rejects.toMatchObject({
        ...invalid,
        message: expect.stringContaining("projection"),
      });
    }
    await node.publish("own-chat:1", "reaction", { emoji: envelope() });
    await node.publish("keyed:1", "set", { id: "a", value: envelope() });
    await node.publish("latest:1", "set", envelope());
    const { snapshot } = await node.core.channels.snapshot(node.service, "latest:1");
    expect(snapshot?.state).toMatchObject({ event: "set", data: envelope() });
    const keyed = await node.core.channels.snapshot(node.service, "keyed:1");
    expect(JSON.stringify(keyed.snapshot?.state)).toContain("$encrypted");
  });
});
