import { expect, it } from "vitest";
import { Schedule } from "../runtime/schedule.ts";
import { ManualClock, settle } from "../testing/manual-clock.ts";
import type { Fetch } from "./http-endpoint.ts";
import { pollTransport } from "./poll-transport.ts";

/** Opens a connection over brief polls to a gateway that answers each of them with `answers`, one after another. */
function briefPoll(answers: readonly object[][]) {
  const clock = new ManualClock();
  const asked: { readonly path: string; readonly body: unknown }[] = [];
  const frames: unknown[] = [];
  const fetch: Fetch = async (url, { body = "" }) => {
    const { pathname, search } = new URL(url);
    asked.push({ path: `${pathname}${search.replace(/&?sdk=[^&]*/, "")}`, body: JSON.parse(body) });
    return Response.json(answers[asked.length - 1] ?? []);
  };
  const transport = pollTransport(fetch, true);
  const attempt = {
    url: new URL("ws://gateway.test/ws"),
    token: undefined,
    connectionId: undefined,
    schedule: new Schedule(clock),
  };
  const connection = transport.open(attempt, {
    onFrame: (frame) => frames.push(...[JSON.parse(String(frame))].flat()),
    onClose: () => {},
  });
  return { clock, asked, frames, connection };
}

const ask = { type: "subscribe", id: 1, channel: "room:a" };
const reply = (position: string, recovered: boolean) => ({
  type: "reply",
  id: 1,
  result: { channel: "room:a", position, recovered },
});
const event = { type: "event", channel: "room:a", position: "e.2.b", event: "tick", data: 2 };

it("a brief poll never waits at the gateway, and the next one follows after a second from the position that it reached", async () => {
  const { clock, asked, frames, connection } = briefPoll([
    [{ type: "welcome" }],
    [reply("e.1.a", false)],
    [reply("e.1.a", true), event],
    [reply("e.2.b", true)],
  ]);
  await settle();
  connection.send([JSON.stringify(ask)], 1_000);
  // A response is read in later tasks, which the clock of the test does not move.
  const polls = (count: number) => expect.poll(() => asked.length).toBe(count);
  await polls(2);
  await expect.poll(() => frames.length).toBe(2);
  await clock.advance(999);
  expect(asked).toHaveLength(2);
  await clock.advance(1);
  await polls(3);
  await expect.poll(() => frames.length).toBe(3);
  await clock.advance(1_000);
  await polls(4);
  expect(asked.slice(1)).toEqual([
    { path: "/ws/poll?wait=0", body: [ask] },
    { path: "/ws/poll?wait=0", body: [{ ...ask, since: "e.1.a" }] },
    { path: "/ws/poll?wait=0", body: [{ ...ask, since: "e.2.b" }] },
  ]);
  expect(frames).toEqual([{ type: "welcome" }, reply("e.1.a", false), event]);
  connection.release();
  await expect.poll(() => clock.timers).toBe(0);
});

it("a brief poll follows at once when the wanted channels change, or when the last answer was full", async () => {
  const { clock, asked, frames, connection } = briefPoll([
    [{ type: "welcome" }],
    [reply("e.1.a", false)],
    [reply("e.1.a", true), { ...event, data: "x".repeat(131_072) }],
    [reply("e.2.b", true)],
  ]);
  await settle();
  connection.send([JSON.stringify(ask)], 1_000);
  await expect.poll(() => frames.length).toBe(2);
  connection.send([JSON.stringify({ ...ask, id: 2, channel: "room:b" })], 1_000);
  await expect.poll(() => asked.length).toBe(4);
  expect(clock.monotonic()).toBe(0);
  connection.release();
});
