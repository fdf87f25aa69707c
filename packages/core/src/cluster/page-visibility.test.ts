import { ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import { expect, test } from "vitest";
import { TimerWheel } from "../runtime/timer-wheel.ts";
import { type TestCore, type TestSocket, testCore } from "../testing/index.ts";
import { PageVisibility } from "./page-visibility.ts";

function say(socket: TestSocket, visible: boolean): void {
  socket.send({ type: "request", id: 1, method: "connection.visible", params: { visible } });
}

async function isVisible(t: TestCore, user: string): Promise<boolean> {
  const asked = t.core.isVisible(user);
  await t.clock.advance(1_100);
  return asked;
}

test("[P-VIS-1] a page that says that it is hidden is not visible, until it says that it is", async () => {
  await using t = testCore();
  expect(await isVisible(t, "ada")).toBe(false);
  const socket = t.connect({ principal: t.user("ada") });
  expect(await isVisible(t, "ada")).toBe(true);
  say(socket, false);
  await t.clock.settle();
  expect(await isVisible(t, "ada")).toBe(false);
  socket.send({ type: "request", id: 2, method: "gateway.store" });
  expect(await isVisible(t, "ada")).toBe(false);
  say(socket, true);
  await t.clock.settle();
  expect(await isVisible(t, "ada")).toBe(true);
  expect(await isVisible(t, "bo")).toBe(false);
  socket.drop();
  expect(await isVisible(t, "ada")).toBe(false);
});

test("[P-VIS-2] a connection that reports nothing is visible for 60 s after its last message, and pongs are none", async () => {
  await using t = testCore();
  const socket = t.connect({ principal: t.user("ada") });
  for (let s = 0; s < 40; s += 20) {
    await t.clock.advance(20_000);
    socket.pong();
  }
  socket.send({ type: "request", id: 2, method: "gateway.store" });
  await t.clock.advance(40_000);
  socket.pong();
  expect(await isVisible(t, "ada")).toBe(true);
  await t.clock.advance(25_000);
  expect(socket.isGone).toBe(false);
  expect(await isVisible(t, "ada")).toBe(false);
});

test("[P-VIS-3] a node knows of a visible page at another node, and asks nobody where the user is not connected", async () => {
  const clock = new ManualClock();
  const engine = new SharedEngine(clock, new SeededRandom());
  engine.isShared = true;
  await using first = testCore({ clock, engine: engine.factory, node: "node-1" });
  await using second = testCore({ clock, engine: engine.factory, node: "node-2" });
  const socket = first.connect({ principal: first.user("ada") });
  await clock.advance(3_000);
  expect(await isVisible(second, "ada")).toBe(true);
  say(socket, false);
  await clock.settle();
  expect(await isVisible(second, "ada")).toBe(false);
  expect(await isVisible(second, "bo")).toBe(false);
});

test("[P-VIS-3] a node searches its connections only for a user who is connected to it", async () => {
  const clock = new ManualClock();
  const searched: string[] = [];
  const visibility = new PageVisibility({
    node: "node-1",
    engine: new SharedEngine(clock, new SeededRandom()).factory({
      clock,
      random: new SeededRandom(),
    }),
    wheel: new TimerWheel(clock, () => {}),
    connections: {
      get all() {
        searched.push("all");
        return [];
      },
    },
    isConnected: (user) => user === "ada",
  });
  expect(await visibility.isVisible("bo")).toBe(false);
  expect(searched).toEqual([]);
  expect(await visibility.isVisible("ada")).toBe(false);
  expect(searched).toEqual(["all"]);
});
