import { isEnvelope } from "@milepost/protocol";
import { expect, test } from "vitest";
import type { Publish } from "./answer.ts";
import { createEncryption, encryptedPublish } from "./encryption.ts";

const bytes = new Uint8Array(32).fill(1);

test("[P-ENC-1] encryptedPublish publishes envelopes that are bound to the key of the publish", async () => {
  const sent: { channel: string; event: string; data: unknown; key: string }[] = [];
  const publish: Publish = async (channel, event, data, { key }) => {
    sent.push({ channel, event, data, key });
    return { position: "p" };
  };
  const encryption = createEncryption({ keys: () => bytes, currentKeyId: () => "k1" });
  const whole = encryptedPublish(publish, encryption);
  const some = encryptedPublish(publish, encryption, { fields: ["text"] });
  expect(await whole("chat:42", "note", { text: "canary" }, { key: "m1" })).toEqual({
    position: "p",
  });
  await some("chat:42", "note", { text: "canary", n: 1 }, { key: "m2" });
  const [first, second] = sent;
  expect(first).toMatchObject({ key: "m1", data: { $encrypted: { id: "m1", kid: "k1" } } });
  expect(second).toMatchObject({ key: "m2", data: { n: 1, text: { $encrypted: { id: "m2" } } } });
  expect(isEnvelope(first?.data)).toBe(true);
  expect(JSON.stringify(sent)).not.toContain("canary");
  for (const each of [first, second]) {
    const { data } = await encryption.decrypt(each ?? { channel: "", event: "", data: 0 });
    expect(data).toMatchObject({ text: "canary" });
  }
});

test("data that cannot be encrypted are not sent", async () => {
  let sent = 0;
  const publish: Publish = async () => sent++;
  for (const keys of [() => undefined, () => "short", () => Promise.reject(new Error("away"))]) {
    const encryption = createEncryption({ keys, currentKeyId: () => "k1" });
    const secret = encryptedPublish(publish, encryption);
    await expect(secret("chat:42", "note", "canary", { key: "m1" })).rejects.toThrow("k1");
  }
  expect(sent).toBe(0);
});
