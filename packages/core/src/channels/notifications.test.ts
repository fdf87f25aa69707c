import { defineContract, type StandardSchema, unchecked } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";

const stored = async (t: TestCore, channel: string) =>
  (await t.core.channels.history(t.service, channel)).entries.map(({ data }) => data);

const wrong: readonly (readonly [data: unknown, field: RegExp])[] = [
  [{ level: "info" }, /message is missing/],
  [{ message: "" }, /message must be/],
  [{ message: 7 }, /message must be/],
  [{ message: "m".repeat(4_001) }, /message must be/],
  [{ message: "m", level: "fatal" }, /level must be one of "info", "success", "warning", "error"/],
  [{ message: "m", type: "fatal" }, /type must be one of "info", "success", "warning", "error"/],
  [{ message: "m", id: 5 }, /id must be/],
  [{ message: "m", title: {} }, /title must be/],
  [{ message: "m", ttl_ms: 0 }, /ttl_ms must be/],
  ["m", /must be an object/],
  [null, /must be an object/],
];

describe("notifications published as events", () => {
  test.each(["user:7", "session:s"])(
    "[P-NOTE-1] a notification published to %s needs a message, and {type, message} is stored as sent",
    async (channel) => {
      await using t = testCore();
      const right = [
        { type: "success", message: "Files synced" },
        { message: "plain", more: [1] },
        { id: "n1", level: "error", type: "comment", title: "T", message: "m", ttl_ms: 5_000 },
      ];
      for (const data of right) await t.publish(channel, "notification", data);
      for (const [data, says] of wrong) {
        const refusal = t.publish(channel, "notification", data);
        await expect(refusal, JSON.stringify(data)).rejects.toMatchObject({
          code: "invalid_data",
          message: expect.stringMatching(says),
        });
      }
      expect(await stored(t, channel)).toEqual(right);
    },
  );

  test("[P-NOTE-1] notifications are checked under a deployment's rule and a contract too, unless these name the event", async () => {
    const open = {
      subscribe: "granted",
      publish: "granted",
      retention: { maxEntries: 10, maxAgeMs: 60_000 },
    } as const;
    const any: StandardSchema = unchecked();
    const refused = { code: "invalid_data" };
    const useless = { text: "hello" };
    await using ruled = testCore({
      rules: [
        { pattern: "user:{user}", ...open, schema: { "*": any } },
        { pattern: "session:{session}", ...open, schema: { notification: any } },
      ],
    });
    await expect(ruled.publish("user:7", "notification", useless)).rejects.toMatchObject(refused);
    await ruled.publish("session:s", "notification", useless);
    await using contracted = testCore({
      contract: defineContract({
        channels: {
          "user:{user}": { events: { cart: any } },
          "session:{session}": { events: { notification: any } },
        },
      }),
    });
    await expect(contracted.publish("user:7", "notification", useless)).rejects.toMatchObject(
      refused,
    );
    await contracted.publish("session:s", "notification", useless);
  });

  test("an event named notification in another channel may have any data", async () => {
    await using t = testCore();
    await t.publish("news", "notification", { text: "hello" });
    await t.publish("user:7:shop", "notification", { text: "hello" });
    expect(await stored(t, "news")).toEqual([{ text: "hello" }]);
  });
});

describe("notify", () => {
  test("[P-NOTE-1] notify takes {type, message} and stores the level and an id", async () => {
    await using t = testCore();
    await t.core.channels.notify(t.service, "7", { type: "warning", message: "low on space" });
    await t.core.channels.notify(t.service, "7", { message: "plain" });
    expect(await stored(t, "user:7")).toEqual([
      { id: expect.any(String), level: "warning", message: "low on space" },
      { id: expect.any(String), level: "info", message: "plain" },
    ]);
  });

  test.each(wrong)("notify refuses %j and names the field", async (data, says) => {
    await using t = testCore();
    await expect(
      t.core.channels.notify(t.service, "7", data as { message: string }),
    ).rejects.toMatchObject({ code: "bad_message", message: expect.stringMatching(says) });
  });
});
