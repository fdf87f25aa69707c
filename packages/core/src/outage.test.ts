import { describe, expect, test } from "vitest";
import { FaultyEngine, type TestCore, testCore } from "./testing/index.ts";

const rules = [
  {
    pattern: "job:{job}",
    subscribe: "authenticated",
    publish: "authenticated",
    retention: { maxEntries: 1_000, maxAgeMs: 3_600_000 },
    outage: "spool",
  },
  {
    pattern: "strict:{job}",
    subscribe: "authenticated",
    publish: "authenticated",
    retention: { maxEntries: 1_000, maxAgeMs: 3_600_000 },
  },
] as const;

function node() {
  const engine = new FaultyEngine();
  return { engine, t: testCore({ engine: engine.factory, rules }) };
}

async function reader(t: TestCore, channel: string) {
  const socket = t.connect({ principal: t.user("ada"), channels: [channel] });
  await t.clock.settle();
  socket.take();
  return socket;
}

describe("a store that is lost", () => {
  test("[G6] [P-NOTICE-1] connections stay, are told within 5 s, and again when it is back; new ones by the welcome", async () => {
    const { engine, t } = node();
    await using _t = t;
    const socket = await reader(t, "job:1");
    const waits = t.connect();
    engine.goAway();
    await t.clock.advance(1_000);
    expect(socket.take()).toEqual([{ type: "notice", code: "degraded" }]);
    expect(t.core.stats()).toMatchObject({ status: "degraded", outageMs: 1_000 });
    const late = t.connect({ principal: t.user("eve") });
    await t.clock.settle();
    expect(late.take()).toMatchObject([{ type: "welcome", degraded: true }]);
    await t.clock.advance(20_000);
    engine.comeBack();
    await t.clock.settle();
    expect(socket.take()).toContainEqual({ type: "notice", code: "restored" });
    expect(waits.received()).toEqual([]);
    expect(socket.closed).toBeUndefined();
    expect(t.core.stats()).toMatchObject({ status: "ok" });
    const after = t.connect({ principal: t.user("eve") });
    await t.clock.settle();
    expect(after.take()[0]).not.toHaveProperty("degraded");
  });

  test("[G6] one that is back within half a second is told to nobody", async () => {
    const { engine, t } = node();
    await using _t = t;
    const socket = await reader(t, "job:1");
    engine.goAway();
    await t.clock.advance(300);
    engine.comeBack();
    await t.clock.advance(5_000);
    expect(socket.take()).toEqual([]);
  });

  test("[G6] [G2] a channel that refuses does so at once, with an error that says to try again", async () => {
    const { engine, t } = node();
    await using _t = t;
    engine.goAway();
    await expect(t.publish("strict:1", "e", 1, "k")).rejects.toMatchObject({
      code: "store_unavailable",
      retryable: true,
    });
    engine.comeBack();
    expect(await t.publish("strict:1", "e", 1, "k")).toMatchObject({ duplicate: false });
  });

  test("[G6] [G1] [G2] a channel that spools answers when it is stored: in order, each once", async () => {
    const { engine, t } = node();
    await using _t = t;
    const socket = await reader(t, "job:1");
    await t.publish("job:1", "e", 0);
    engine.losesAnswer = ({ json }) => json === "1";
    const first = t.publish("job:1", "e", 1);
    await t.clock.settle();
    engine.goAway();
    engine.losesAnswer = () => false;
    const rest = [2, 3, 4].map((n) => t.publish("job:1", "e", n));
    await t.clock.advance(3_000);
    expect(t.core.stats().spooled).toBe(4);
    engine.comeBack();
    const last = t.publish("job:1", "e", 5);
    await t.clock.advance(1_000);
    const stored = await Promise.all([first, ...rest, last]);
    expect(stored.map(({ position }) => position.split(".")[1])).toEqual(["2", "3", "4", "5", "6"]);
    const events = socket.take().filter(({ type }) => type === "event");
    expect(events.map(({ data }) => data)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(t.core.stats().spooled).toBe(0);
  });

  test("[G6] [G2] what has waited 30 s is refused; what is one too many is so at once", async () => {
    const { engine, t } = node();
    await using _t = t;
    engine.goAway();
    const away = { code: "store_unavailable", retryable: true };
    const waiting = Array.from({ length: 1_000 }, (_, n) => t.publish("job:1", "e", n));
    const refused = Promise.all(waiting.map((one) => expect(one).rejects.toMatchObject(away)));
    await t.clock.settle();
    await expect(t.publish("job:1", "e", 1_000)).rejects.toMatchObject(away);
    await t.clock.advance(31_000);
    await refused;
    expect(t.core.stats().spooled).toBe(0);
    engine.comeBack();
    expect(await t.publish("job:1", "e", 1)).toMatchObject({ duplicate: false });
  });

  test("[G6] [G4] on return every channel is compared with its log: nothing that was stored meanwhile is missing", async () => {
    const engine = new FaultyEngine();
    await using a = testCore({ engine: engine.factory, rules });
    const socket = await reader(a, "strict:1");
    await a.publish("strict:1", "e", 1);
    await a.clock.settle();
    socket.take();
    engine.goAway();
    await a.clock.advance(2_000);
    // Another node stores meanwhile: this one is told nothing of it.
    engine.isDown = false;
    const other = await a.publish("strict:1", "e", 2);
    engine.isDown = true;
    await a.clock.advance(1_000);
    engine.comeBack();
    await a.clock.advance(1_000);
    const events = socket.take().filter(({ type }) => type === "event");
    expect(events).toMatchObject([{ data: 2, position: other.position }]);
  });
});
