import type { CoreLog } from "@milepost/core";
import { StoreAvailability, type StoreHealth, type StoreWatch } from "@milepost/engine";
import { ManualClock } from "@milepost/engine/testing";
import { MilepostError } from "@milepost/protocol";
import { describe, expect, it } from "vitest";
import { StoreLog } from "./store-log.ts";

class Watch implements StoreWatch {
  readonly kind = "redis";
  readonly listeners = new Set<(health: StoreHealth) => void>();
  health: StoreHealth = { connected: true, busConnected: true, takesWrites: true };

  onChange(listener: (health: StoreHealth) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  set(isWell: boolean, takesWrites = isWell, isFull = false): void {
    this.health = { connected: isWell, busConnected: isWell, takesWrites, isFull };
    for (const listener of this.listeners) listener(this.health);
  }
}

/** The names of events have a test of their own, `documented-logs.test.ts`. */
function withoutEvent({ event, ...fields }: Record<string, unknown>): Record<string, unknown> {
  expect(event).toMatch(/^store\.[a-z_]+$/);
  return fields;
}

function followed() {
  const lines: [level: string, message: string, fields: Record<string, unknown>][] = [];
  const at = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void lines.push([level, message, withoutEvent(fields)]);
  const log: CoreLog = { info: at("info"), warn: at("warn"), error: at("error") };
  const clock = new ManualClock();
  const watch = new Watch();
  const storeLog = new StoreLog(log, clock);
  storeLog.follow(new StoreAvailability(watch, clock));
  return { lines, clock, watch, storeLog };
}

const refused = new Error("connect ECONNREFUSED 127.0.0.1:6379");
const unreachable = "the store is unreachable: this node is degraded until it reconnects";
const reachable = "the store is reachable again";

describe("log lines about an outage of the store", () => {
  it("an outage is logged once when it begins, every 30 s while it lasts and once when it ends, without a stack", async () => {
    const { lines, clock, watch, storeLog } = followed();
    watch.set(false);
    storeLog.linkError(new Error("Socket closed unexpectedly"));
    await clock.advance(499);
    expect(lines).toEqual([]);
    for (let second = 0; second < 70; second++) {
      await clock.advance(1_000);
      storeLog.linkError(refused);
      storeLog.workError(new MilepostError("store_unavailable", "there is no connection"));
    }
    watch.set(true);
    await clock.advance(60_000);
    const reason = refused.message;
    expect(lines).toEqual([
      ["warn", unreachable, { store: "redis", reason: "Socket closed unexpectedly" }],
      [
        "warn",
        "the store is still unreachable",
        { store: "redis", away_ms: 30_500, failed_attempts: 30, reason },
      ],
      [
        "warn",
        "the store is still unreachable",
        { store: "redis", away_ms: 60_500, failed_attempts: 60, reason },
      ],
      ["info", reachable, { store: "redis", away_ms: 70_499, failed_attempts: 70 }],
    ]);
  });

  it("[G6] a store that answers but takes no writes is logged as that, with the reply of the store as the reason", async () => {
    const { lines, clock, watch, storeLog } = followed();
    watch.set(true, false);
    storeLog.linkError(new Error("Redis takes no writes: OOM command not allowed"));
    await clock.advance(31_000);
    watch.set(true);
    expect(lines.map(([level, message]) => `${level} ${message}`)).toEqual([
      "warn the store takes no writes: this node is degraded until it takes them again",
      "warn the store still takes no writes",
      "info the store takes writes again",
    ]);
    const reason = "Redis takes no writes: OOM command not allowed";
    expect(lines[0]?.[2]).toEqual({ store: "redis", reason });
  });

  it("[G6] a full store is logged at once, with what to do, and again only every 30 s", async () => {
    const { lines, clock, watch, storeLog } = followed();
    watch.set(true, false, true);
    storeLog.linkError(new Error("Redis takes no writes: OOM"));
    await clock.advance(1);
    const full =
      "warn the store is full: this node is degraded until there is memory; raise maxmemory, or keep less by the rules";
    const said = () => lines.map(([level, message]) => `${level} ${message}`);
    expect(said()).toEqual([full]);
    await clock.advance(29_000);
    expect(said()).toEqual([full]);
    await clock.advance(2_000);
    watch.set(true);
    expect(said()).toEqual([
      full,
      "warn the store is still full",
      "info the store has memory again",
    ]);
  });

  it("a second outage is logged like the first", async () => {
    const { lines, clock, watch, storeLog } = followed();
    for (let time = 0; time < 2; time++) {
      watch.set(false);
      storeLog.linkError(refused);
      await clock.advance(1_000);
      watch.set(true);
    }
    expect(lines.map(([, message]) => message)).toEqual([
      unreachable,
      reachable,
      unreachable,
      reachable,
    ]);
  });

  it("a connection that is lost for less than 500 ms is logged as one info line", async () => {
    const { lines, clock, watch, storeLog } = followed();
    watch.set(false);
    storeLog.linkError(refused);
    await clock.advance(400);
    watch.set(true);
    await clock.advance(60_000);
    const fields = { store: "redis", away_ms: 400, reason: refused.message };
    expect(lines).toEqual([
      ["info", "the connection to the store broke and was re-established", fields],
    ]);
  });

  it("a connection that is closed on purpose is not logged as an outage", async () => {
    const { lines, clock, watch, storeLog } = followed();
    storeLog.close();
    watch.set(false);
    await clock.advance(60_000);
    expect(lines).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("every error of a reachable store is logged, but a repeated one only every 30 s", async () => {
    const { lines, clock, storeLog } = followed();
    const ours = new TypeError("a fault of the program");
    storeLog.workError(ours);
    for (let second = 0; second <= 30; second++) {
      storeLog.workError(new MilepostError("store_unavailable", "Redis did not answer"));
      storeLog.linkError(new AggregateError([refused, new Error("no route")]));
      await clock.advance(1_000);
    }
    const message = "error from the store";
    const reason = `${refused.message}, no route`;
    expect(lines).toEqual([
      ["warn", message, { err: ours }],
      ["warn", message, { reason: "Redis did not answer" }],
      ["warn", message, { reason }],
      ["warn", message, { reason: "Redis did not answer", times: 30 }],
      ["warn", message, { reason, times: 30 }],
    ]);
  });
});
