import { describe, expect, it } from "vitest";
import { createClient } from "../create-client.ts";
import type { ClientClock } from "../runtime/clock.ts";
import { Schedule } from "../runtime/schedule.ts";
import { ManualClock, ScriptedGateway, settle } from "../testing/index.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Pace } from "./pace.ts";

async function setUp() {
  const clock = new ManualClock();
  const gateway = new ScriptedGateway();
  const client = createClient({
    url: "ws://gateway.test/ws",
    webSocket: gateway.webSocket,
    clock,
    random: () => 0.5,
  });
  client.connect();
  await settle();
  await gateway.last.accept();
  const pong = async () => {
    await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
  };
  await pong();
  const frames = async (count: number, everyMs: number) => {
    for (let i = 0; i < count; i++) {
      await clock.advance(everyMs);
      await gateway.last.say({ type: "something_new" });
    }
  };
  return { clock, gateway, client, pong, frames };
}

describe("a lively connection that falls silent", () => {
  it("[P-CLOSE-3] a connection with ten frames a second is probed after 3 s of silence and lost 5 s later", async () => {
    const { clock, gateway, client, frames } = await setUp();
    await frames(50, 100);
    await clock.advance(2_999);
    expect(gateway.last.count("ping")).toBe(0);
    await clock.advance(1);
    expect(gateway.last.count("ping")).toBe(1);
    expect(client.state.state).toBe("connected");
    await clock.advance(5_000);
    expect(client.state).toMatchObject({ state: "reconnecting", reason: "heartbeat_lost" });
  });

  it("[P-CLOSE-3] a view of a lively operation is stale within seconds after the gateway has stopped", async () => {
    const { clock, gateway, client } = await setUp();
    const operation = client.operation("9");
    operation.subscribe(() => {});
    await settle();
    await gateway.last.reply(gateway.last.take("subscribe"), {
      position: "e1.1.t1",
      recovered: false,
      snapshot: { projection: "operation", state: { id: "9", status: "running" } },
    });
    for (let n = 2; n < 60; n++) {
      await clock.advance(100);
      await gateway.last.say({
        type: "event",
        channel: "operation:9",
        position: `e1.${n}.t${n}`,
        event: "something_new",
        data: {},
        ts: 1,
      });
    }
    expect(operation.view).toMatchObject({ kind: "ready", stale: false });
    await clock.advance(8_000);
    expect(operation.view).toMatchObject({ kind: "ready", stale: true });
  });

  it("a gateway that answers the probe is not probed again until the stream has been lively again", async () => {
    const { clock, gateway, client, pong, frames } = await setUp();
    await frames(50, 100);
    await clock.advance(3_000);
    await pong();
    await clock.advance(20_000);
    expect(gateway.last.count("ping")).toBe(0);
    await frames(50, 100);
    await clock.advance(3_000);
    expect(gateway.last.count("ping")).toBe(1);
    expect(client.state.state).toBe("connected");
  });

  it("a stream that stops and goes causes at most one probe for each silence", async () => {
    const { clock, gateway, client, frames } = await setUp();
    let pings = 0;
    for (let i = 0; i < 20; i++) {
      await frames(20, 100);
      for (let ms = 0; ms < 6_000; ms += 1_000) {
        await clock.advance(1_000);
        for (; gateway.last.count("ping") > 0; pings++) {
          await gateway.last.say({ type: "pong", id: gateway.last.take("ping").id });
        }
      }
    }
    expect(client.state.state).toBe("connected");
    expect(pings).toBeGreaterThanOrEqual(20);
    expect(pings).toBeLessThanOrEqual(20 + 6);
  });

  it.each([
    ["one burst of frames", 30, 0],
    ["a frame every 4 s", 8, 4_000],
    ["a few frames", 2, 500],
  ])("a connection with %s is pinged at the usual interval only", async (_, count, everyMs) => {
    const { clock, gateway, client, frames } = await setUp();
    await frames(count, everyMs);
    const before = clock.monotonic();
    const intervals = Math.floor(before / 30_000);
    expect(gateway.last.count("ping")).toBe(intervals);
    await clock.advance(29_000 - (before % 30_000));
    expect(gateway.last.count("ping")).toBe(intervals);
    expect(client.state.state).toBe("connected");
    expect(gateway.sockets).toHaveLength(1);
  });

  it("a stream that becomes faster is soon probed at its new pace", async () => {
    const { clock, gateway, frames } = await setUp();
    await frames(6, 2_000);
    await frames(60, 100);
    await clock.advance(3_000);
    expect(gateway.last.count("ping")).toBe(1);
  });

  it("a lively connection holds one timer, and none after the client is closed", async () => {
    const { clock, client, frames } = await setUp();
    await frames(100, 100);
    expect(clock.timers).toBe(1);
    const closed = client.close();
    await settle();
    await closed;
    expect(clock.timers).toBe(0);
  });
});

describe("a heartbeat on a clock that counts fractions of a millisecond", () => {
  it("a heartbeat notices a silence in one look, however the fractions are rounded", () => {
    for (let i = 0; i < 300; i++) {
      let now = i / 7;
      let timer: { readonly due: number; readonly ring: () => void } | undefined;
      let rings = 0;
      const clock: ClientClock = {
        now: () => now,
        monotonic: () => now,
        after(delayMs, ring) {
          timer = { due: now + delayMs, ring };
          return () => {
            timer = undefined;
          };
        },
      };
      let pings = 0;
      const heartbeat = new Heartbeat(clock, new Schedule(clock), {
        ping: () => pings++,
        onRoundTrip() {},
        onDead() {},
      });
      heartbeat.start(30_000);
      for (let frame = 0; frame < 20; frame++) {
        now += 100 + i / 11;
        heartbeat.heard();
      }
      for (; pings < 2 && timer !== undefined && rings < 100; rings++) {
        now = Math.max(now, timer.due);
        timer.ring();
      }
      expect(pings).toBe(2);
      expect(rings).toBeLessThanOrEqual(3);
    }
  });
});

describe("the pace of frames", () => {
  it("the usual silence is ten times the mean gap of the recent frames, 3 s at least", () => {
    const pace = new Pace();
    const after = (...gaps: number[]) => {
      pace.forget();
      let now = 1_000;
      pace.frame(now);
      for (const gap of gaps) {
        now += gap;
        pace.frame(now);
      }
      return pace.usualSilenceMs;
    };
    expect(after(100, 100, 100)).toBe(Number.POSITIVE_INFINITY);
    expect(after(10, 10, 10, 10)).toBe(Number.POSITIVE_INFINITY);
    expect(after(250, 250, 250, 250)).toBe(3_000);
    expect(after(1_000, 1_000, 1_000, 1_000)).toBe(10_000);
    expect(after(...Array<number>(4).fill(20_000), ...Array<number>(80).fill(100))).toBe(3_000);
  });
});
