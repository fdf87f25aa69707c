import { FaultyEngine } from "@milepost/engine/testing";
import { type Cursor, formatPosition, parseCursor } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { type Received, type TestCore, type TestSocket, testCore } from "../testing/index.ts";

const retention = { maxEntries: 1_000, maxAgeMs: 3_600_000 };
const rules = [
  { pattern: "log:*", subscribe: "authenticated", publish: "granted", retention },
  {
    pattern: "few:*",
    subscribe: "authenticated",
    publish: "granted",
    retention: { ...retention, maxEntries: 3 },
  },
] as const;

function cursor(text: unknown): Cursor {
  const read = parseCursor(text);
  if (!read.ok) throw new Error(`${String(text)} is no cursor`);
  return read.value;
}

async function open(
  t: TestCore,
  channels: readonly string[],
  resume?: unknown,
): Promise<TestSocket> {
  const options = { principal: t.user("ada"), channels };
  const socket = t.connect(
    resume === undefined ? options : { ...options, resume: cursor(resume) },
    "plain",
  );
  await t.clock.settle();
  return socket;
}

function events(messages: readonly Received[]): unknown[] {
  return messages.flatMap(({ type, channel, data }) =>
    type === "n" ? [`${channel} ${data}`] : [],
  );
}

describe("a client in the plain dialect", () => {
  test("[P-DIA-1] [P-DIA-3] [P-NAME-2] a plain-dialect client receives each entry as an object whose type is the event name", async () => {
    await using t = testCore({ rules });
    const socket = await open(t, ["log:a"]);
    socket.take();
    await t.publish("log:a", "n", { x: 1 });
    await t.clock.settle();
    const [event] = socket.take();
    expect(event).toEqual({
      type: "n",
      event_id: expect.any(String),
      timestamp: new Date(t.clock.now()).toISOString(),
      channel: "log:a",
      data: { x: 1 },
    });
  });

  test("[P-POS-2] all channels of a plain-dialect connection can be resumed from the event_id of any one message", async () => {
    await using t = testCore({ rules });
    const channels = ["log:a", "log:b", "log:c"];
    const socket = await open(t, channels);
    for (let n = 1; n <= 5; n++) {
      for (const channel of channels) await t.publish(channel, "n", n);
      if (n % 2 === 0) await t.clock.settle();
    }
    await t.clock.settle();
    const messages = socket.take();
    const seen: string[] = [];
    const all = channels.flatMap((channel) => [1, 2, 3, 4, 5].map((n) => `${channel} ${n}`));
    for (const message of messages) {
      if (message.type === "welcome") continue;
      if (message.type === "n") seen.push(`${message.channel} ${message.data}`);
      // A cursor can name all three channels only once all three have started.
      if (message.type === "subscribed" && message.channel !== "log:c") continue;
      const back = await open(t, [], message.event_id);
      const missed = events(back.take());
      expect([...seen, ...missed].toSorted()).toEqual(all);
      back.drop();
    }
  });

  test("[P-POS-2] the cursor of a plain-dialect client never omits a channel that is still being resumed", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ rules, engine: faulty.factory });
    const socket = await open(t, ["log:a", "log:b"]);
    for (const channel of ["log:a", "log:b"]) await t.publish(channel, "n", 1);
    await t.clock.settle();
    const last = socket.take().at(-1)?.event_id;
    for (const channel of ["log:a", "log:b"]) await t.publish(channel, "n", 2);
    const back = t.connect({ principal: t.user("ada"), resume: cursor(last) }, "plain");
    await Promise.resolve();
    await t.clock.settle();
    for (const { event_id } of back.take().slice(1)) {
      expect([...cursor(event_id).keys()].toSorted()).toEqual(["log:a", "log:b"]);
    }
  });

  test("[P-SUB-11] a plain-dialect connect resumes the channels that its cursor names, and subscribes afresh to its other channels", async () => {
    await using t = testCore({ rules });
    const socket = await open(t, ["log:a"]);
    await t.publish("log:a", "n", 1);
    await t.clock.settle();
    const last = socket.take().at(-1)?.event_id;
    await t.publish("log:a", "n", 2);
    await t.publish("log:b", "n", 1);
    const back = await open(t, ["log:a", "log:b"], last);
    const messages = back.take();
    expect(events(messages)).toEqual(["log:a 2"]);
    expect(messages).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: "subscribed", channel: "log:a", recovered: true }),
        expect.objectContaining({ type: "subscribed", channel: "log:b", recovered: false }),
      ]),
    );
  });

  test("[P-SUB-4] [P-POS-2] a gap message carries the cursor from which a plain-dialect client can resume", async () => {
    await using t = testCore({ rules });
    const socket = await open(t, ["few:a"]);
    const start = socket.take().at(-1)?.event_id;
    for (let n = 1; n <= 6; n++) await t.publish("few:a", "n", n);
    const messages = (await open(t, [], start)).take();
    expect(messages[1]).toMatchObject({ type: "subscribed", recovered: false, reason: "trimmed" });
    expect(messages[2]).toMatchObject({ type: "gap", reason: "trimmed" });
    expect(events(messages)).toEqual(["few:a 4", "few:a 5", "few:a 6"]);
    const again = await open(t, [], messages[2]?.event_id);
    expect(events(again.take())).toEqual(["few:a 4", "few:a 5", "few:a 6"]);
  });

  test("[TRAP-4] [P-SUB-7] [P-POS-2] the cursor's position in a filtered channel advances only with delivered entries", async () => {
    await using t = testCore({ rules });
    const socket = await open(t, ["log:b"]);
    socket.send({ type: "subscribe", id: 1, channel: "log:a", events: ["n"] });
    await t.clock.settle();
    const delivered = await t.publish("log:a", "n", 1);
    await t.clock.settle();
    await t.publish("log:a", "other", 2);
    await t.clock.settle();
    await t.publish("log:b", "n", 3);
    await t.clock.settle();
    const last = socket.take().at(-1);
    expect(last).toMatchObject({ channel: "log:b" });
    const anchor = cursor(last?.event_id).get("log:a");
    expect(anchor === undefined ? undefined : formatPosition(anchor)).toBe(delivered.position);
  });

  test("[P-DIA-1] plain-dialect replies to subscribe carry the cursor, which names a channel until the client unsubscribes from it", async () => {
    await using t = testCore({ rules });
    const socket = await open(t, ["log:a"]);
    await t.publish("log:a", "n", 1);
    await t.clock.settle();
    socket.take();
    socket.send({ type: "subscribe", id: 1, channel: "log:b" });
    await t.clock.settle();
    const [reply] = socket.take();
    expect([...cursor(reply?.event_id).keys()].toSorted()).toEqual(["log:a", "log:b"]);
    await t.publish("log:a", "n", 2);
    await t.clock.settle();
    expect(cursor(socket.take()[0]?.event_id).size).toBe(2);
    socket.send({ type: "unsubscribe", id: 2, channel: "log:b" });
    await t.publish("log:a", "n", 3);
    await t.clock.settle();
    expect(cursor(socket.take().at(-1)?.event_id).size).toBe(1);
  });

  test("a plain-dialect frame holds one message, and an array of messages is answered with bad_message", async () => {
    await using t = testCore({ rules });
    const socket = await open(t, []);
    socket.take();
    socket.send([{ type: "ping" }]);
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      { type: "reply", id: null, error: { code: "bad_message" } },
    ]);
  });
});
