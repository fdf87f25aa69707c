import { Encryption, signPublication, verifyPublication } from "@milepost/protocol";
import { expect, test } from "vitest";
import { createEncryption, decryptEvent, decryptedStream } from "./encryption.ts";
import { connectedClient } from "./testing/connected-client.ts";
import { settle } from "./testing/index.ts";

const channel = "chat:42";
const bytes = new Uint8Array(32).fill(1);
const publisher = new Encryption(
  { keys: () => bytes, currentKeyId: () => "k1" },
  { wait: async () => {}, monotonic: () => 0 },
);

async function event(offset: number, data: unknown, rest: object = {}) {
  const position = `e.${offset}.t${offset}`;
  return { type: "event", channel, position, event: "note", data, ts: offset, ...rest };
}

test("[P-ENC-7] a decrypted stream delivers every event in order, and one that cannot be decrypted does not end it", async () => {
  const { client, gateway } = await connectedClient();
  const encryption = createEncryption({
    keys: async (id) => (id === "k1" ? bytes : undefined),
  });
  const stream = decryptedStream(client.channel(channel), encryption, { since: "now" });
  const first = stream.next();
  await settle();
  const { id } = gateway.last.take("subscribe");
  await gateway.last.say({
    type: "reply",
    id,
    result: { channel, position: "e.0.0", recovered: false },
  });
  const sealed = await publisher.encrypt({ channel, event: "note", data: { n: 1 } });
  const moved = await publisher.encrypt({ channel: "chat:43", event: "note", data: { n: 2 } });
  const fields = await publisher.encrypt({
    channel,
    event: "note",
    data: { n: 3, text: "x" },
    fields: ["text"],
  });
  const { $encrypted } = sealed.data as { $encrypted: object };
  const unknown = { $encrypted: { ...$encrypted, kid: "k2" } };
  for (const [n, data] of [sealed.data, moved.data, fields.data, unknown, "plain"].entries()) {
    await gateway.last.say(await event(n + 1, data));
  }
  const seen = [(await first).value];
  for (let n = 0; n < 4; n++) seen.push((await stream.next()).value);
  expect(seen).toMatchObject([
    { type: "event", data: { n: 1 }, ts: 1 },
    { data: moved.data, encrypted: [{ field: "", keyId: "k1", reason: "mismatch" }] },
    { data: { n: 3, text: "x" } },
    { data: unknown, encrypted: [{ keyId: "k2", reason: "no_key" }] },
    { data: "plain" },
  ]);
  expect(seen.map((item) => Object.hasOwn(item ?? {}, "encrypted"))).toEqual([
    false,
    true,
    false,
    true,
    false,
  ]);
  await stream.return(undefined);
  client.close();
});

test("[P-ENC-3] an event that was kept is decrypted once its key is there", async () => {
  const sealed = await publisher.encrypt({ channel, event: "note", data: "text" });
  const received = { channel, position: "e.1.t", event: "note", data: sealed.data, ts: 1 };
  const without = createEncryption({ keys: () => undefined });
  const kept = await decryptEvent(received, without);
  expect(kept).toMatchObject({ data: sealed.data, encrypted: [{ reason: "no_key" }] });
  const withKey = createEncryption({ keys: () => bytes });
  expect(await decryptEvent(received, withKey)).toEqual({ ...received, data: "text" });
});

test("[P-SIG-9] the signature of an encrypted publication is over its envelope, and reaches the page", async () => {
  const { client, gateway } = await connectedClient();
  const key = { id: "2026-11", secret: "the secret of a test, of 32 bytes and more" };
  const { data } = await publisher.encrypt({ channel, event: "note", data: "text" });
  const sig = await signPublication(key, { channel, event: "note", data });
  const events: { readonly sig?: string; readonly data: unknown }[] = [];
  client.channel(channel).subscribe({ onEvent: (each) => events.push(each) });
  await settle();
  const { id } = gateway.last.take("subscribe");
  const result = { channel, position: "e.0.0", recovered: false };
  await gateway.last.say({ type: "reply", id, result });
  await gateway.last.say(await event(1, data, { sig }));
  await gateway.last.say(await event(2, data));
  const [signed, unsigned] = events;
  expect(signed?.sig).toBe(sig);
  expect(unsigned).not.toHaveProperty("sig");
  const received = { channel, event: "note", data: signed?.data, sig: signed?.sig };
  expect(await verifyPublication(received, () => key.secret)).toMatchObject({ valid: true });
  client.close();
});
