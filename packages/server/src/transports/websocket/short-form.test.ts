import { constants, inflateRawSync } from "node:zlib";
import { shortReader } from "@milepost/protocol";
import { decode } from "@msgpack/msgpack";
import { expect, it } from "vitest";
import { startGateway } from "../../testing/test-gateway.ts";
import { deflatingEncoders, shortDeflatingEncoders } from "./deflating-encoders.ts";
import { encoders, shortEncoders } from "./encoders.ts";
import { readFrames } from "./frame.ts";

/** Data of 136 bytes, as the bench publishes. */
const data = { seq: 1_000_001, sentAt: 1_767_225_600_000, text: "" };
data.text = "x".repeat(136 - JSON.stringify(data).length);

it("[P-SHORT-1] [P-SHORT-6] 136 bytes of data take at most 190 bytes on the wire in the short form, with position, event and time", async () => {
  await using server = await startGateway();
  const names = ["milepost.v1.json.short", "milepost.v1.json"];
  const [short, long] = await Promise.all(
    names.map((name) => server.socket("/ws/chat/42", { subprotocols: [name] })),
  );
  if (short === undefined || long === undefined) throw new Error("two sockets were opened");
  expect([short.ws.protocol, long.ws.protocol]).toEqual(names);
  for (const socket of [short, long]) await socket.nextOf("subscribed");
  const frames: string[] = [];
  short.ws.on("message", (text) => frames.push(String(text)));
  const read = shortReader();
  for (let n = 0; n < 12; n++) {
    const published = await server.gateway.publish("chat:42", "progress", data);
    const event = await long.next();
    await expect.poll(() => frames.length).toBe(n + 2);
    if (n === 0) expect(read(frames[0])).toMatchObject({ type: "number", channel: "chat:42" });
    const frame = frames.at(-1) ?? "";
    const header = 4;
    expect(header + frame.length).toBeLessThanOrEqual(190);
    expect(read(frame)).toEqual(event);
    expect(event).toMatchObject({ type: "event", position: published.position, data });
  }
});

it("[P-SHORT-6] a client of version 1 gets the same bytes beside readers of the short form, whatever the number of the log", () => {
  const entry = {
    channel: "chat:42",
    position: { epoch: "e", offset: 7, tag: "t" },
    event: "message",
    json: JSON.stringify({ text: "y".repeat(3_000) }),
    ts: 1_700_000_000_000,
  };
  const number = { number: 3, channel: "chat:42", epoch: "e", ts: 1_700_000_000_000 };
  for (const dialect of ["milepost.v1.json", "milepost.v1.msgpack", "plain"] as const) {
    for (const set of [encoders, deflatingEncoders]) {
      const bytes = set[dialect].encodeBatch([entry], () => "c");
      expect(set[dialect].encodeBatch([entry], () => "c", number)).toEqual(bytes);
    }
    for (const [set, long] of [
      [shortEncoders, encoders],
      [shortDeflatingEncoders, deflatingEncoders],
    ] as const) {
      // Without a number there is no short form.
      const bytes = long[dialect].encodeBatch([entry], () => "c");
      expect(set[dialect].encodeBatch([entry], () => "c")).toEqual(bytes);
    }
  }
});

it("[P-SHORT-1] [P-ZIP-2] with compression and in msgpack, the short form has the same items", () => {
  const entries = [1, 2].map((offset) => ({
    channel: "chat:42",
    position: { epoch: "e", offset, tag: "t" },
    event: "message",
    json: JSON.stringify({ text: "y".repeat(3_000) }),
    ts: 1_700_000_000_000,
  }));
  const number = { number: 3, channel: "chat:42", epoch: "e", ts: 1_699_999_999_999 };
  const items = entries.map(({ position, json }) => [
    3,
    `${position.offset}.t`,
    "message",
    JSON.parse(json),
    1,
  ]);
  for (const set of [shortEncoders, shortDeflatingEncoders]) {
    for (const dialect of ["milepost.v1.json", "milepost.v1.msgpack"] as const) {
      const bytes = set[dialect].encodeBatch(entries, () => "", number);
      const isDeflated = (bytes[0] ?? 0) & 0x40;
      const [frame] = [...readFrames(bytes)];
      const payload = frame?.payload ?? new Uint8Array();
      const plain = isDeflated
        ? inflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH })
        : Buffer.from(payload);
      expect(set === shortDeflatingEncoders).toBe(isDeflated !== 0);
      const value = dialect === "milepost.v1.json" ? JSON.parse(plain.toString()) : decode(plain);
      expect(value).toEqual(items);
    }
  }
});
