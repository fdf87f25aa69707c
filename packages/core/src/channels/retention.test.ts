import { parsePosition } from "@milepost/protocol";
import { expect, test } from "vitest";
import { orThrow } from "../input/input.ts";
import { testCore } from "../testing/index.ts";

const few = {
  pattern: "few:*",
  subscribe: "authenticated",
  publish: "authenticated",
  retention: { maxEntries: 1_000, maxAgeMs: 3_600_000, maxBytes: 1_000 },
} as const;

test("[P-STORE-2] a channel keeps the newest entries within maxBytes, and a reader that missed older ones learns the reason trimmed", async () => {
  await using t = testCore({ rules: [few] });
  const first = await t.publish("few:a", "e", "x".repeat(298));
  for (let n = 0; n < 4; n++) await t.publish("few:a", "e", "x".repeat(298));
  const { entries } = await t.core.channels.history(t.service, "few:a");
  expect(entries).toHaveLength(3);
  const since = orThrow(parsePosition(first.position));
  expect(await t.core.channels.history(t.service, "few:a", { since })).toMatchObject({
    reason: "trimmed",
    entries,
  });
  const socket = t.connect({ principal: t.user("ada") });
  await t.clock.settle();
  socket.take();
  socket.send({ type: "subscribe", id: 1, channel: "few:a", since: first.position });
  await t.clock.settle();
  expect(socket.take()).toMatchObject([
    { type: "reply", result: { recovered: false, reason: "trimmed" } },
    { type: "gap", reason: "trimmed" },
    ...entries.map(({ position }) => ({ type: "event", position })),
  ]);
});

test("[P-STORE-2] a rule whose maxBytes is no whole number of 1 or more is refused", () => {
  for (const maxBytes of [0, -1, 1.5, Number.NaN]) {
    const rule = { ...few, retention: { ...few.retention, maxBytes } };
    expect(() => testCore({ rules: [rule] })).toThrow(/maxBytes of 1 or more/);
  }
});

test("[P-STORE-2] publishes of a megabyte to a channel of any default rule keep at most 16 MiB", async () => {
  await using t = testCore();
  for (let n = 0; n < 40; n++) await t.publish("log:a", "e", "x".repeat(1_000_000));
  const { head, floor } = await headAndFloor(t);
  expect(head - floor).toBe(8);
});

async function headAndFloor(t: ReturnType<typeof testCore>) {
  const { entries } = await t.core.channels.history(t.service, "log:a", { since: { last: 1 } });
  const all = await t.core.channels.history(t.service, "log:a");
  const offset = (position = "") => Number(position.split(".")[1]);
  return { head: offset(entries[0]?.position), floor: offset(all.entries[0]?.position) - 1 };
}
