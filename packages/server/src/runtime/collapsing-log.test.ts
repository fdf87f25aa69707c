import type { CoreLog } from "@milepost/core";
import { ManualClock } from "@milepost/engine/testing";
import { describe, expect, it } from "vitest";
import { exchange, upgradeRequest } from "../testing/raw-http.ts";
import { startGateway } from "../testing/test-gateway.ts";
import { CollapsingLog } from "./collapsing-log.ts";

type Line = readonly [level: string, fields: Record<string, unknown>, message: string];

function collapsing() {
  const lines: Line[] = [];
  const clock = new ManualClock();
  const add = (level: string) => (fields: Record<string, unknown>, message: string) => {
    lines.push([level, fields, message]);
  };
  const log: CoreLog = { info: add("info"), warn: add("warn"), error: add("error") };
  return { lines, clock, log: new CollapsingLog(log, clock) };
}

const fault = (n: number) => new Error(`fault ${n}`);

describe("a log whose lines repeat", () => {
  it("equal lines of ten seconds become one line and one with their number", async () => {
    const { lines, clock, log } = collapsing();
    for (let i = 0; i < 1_000; i++) log.warn({ peer: "a" }, "it happened");
    expect(lines).toEqual([["warn", { peer: "a" }, "it happened"]]);
    await clock.advance(10_000);
    expect(lines.slice(1)).toEqual([["warn", { peer: "a", repeated: 999 }, "it happened"]]);
    log.warn({ peer: "a" }, "it happened");
    expect(lines).toHaveLength(3);
  });

  it("[P-LOG-3] of lines that differ only in their fields, ten are written, and the last of the others with their number", async () => {
    const { lines, clock, log } = collapsing();
    for (let i = 0; i < 500; i++) log.warn({ origin: `https://${i}.example` }, "refused");
    expect(lines).toHaveLength(10);
    await clock.advance(10_000);
    expect(lines.at(-1)).toEqual([
      "warn",
      {
        origin: "https://499.example",
        repeated: 490,
        others: { origin: [10, 11, 12, 13].map((n) => `https://${n}.example`) },
      },
      "refused",
    ]);
    expect(lines).toHaveLength(11);
  });

  it("the line for those that were not written keeps the values of each field, and has none where all were the same", async () => {
    const { lines, clock, log } = collapsing();
    for (let i = 0; i < 20; i++) log.warn({ peer: `p${i % 12}`, code: 403, err: fault(i) }, "odd");
    await clock.advance(10_000);
    const [, fields] = lines.at(-1) ?? [];
    expect(fields).toMatchObject({ peer: "p7", code: 403, repeated: 10 });
    expect(fields?.others).toEqual({
      peer: ["p10", "p11", "p0", "p1"],
      err: ["fault 10", "fault 11", "fault 12", "fault 13"],
    });
  });

  it("other messages and other levels are written at once, and a quiet log has no timer", async () => {
    const { lines, clock, log } = collapsing();
    log.info({}, "a");
    log.warn({}, "a");
    log.error({ err: new Error("x") }, "b");
    log.error({ err: new Error("y") }, "b");
    expect(lines).toHaveLength(4);
    await clock.advance(10_000);
    expect(lines).toHaveLength(4);
    expect(clock.pendingTimers).toBe(0);
  });

  it("the number of messages that are remembered is bounded, and further ones are written", async () => {
    const { lines, log } = collapsing();
    for (let i = 0; i < 1_000; i++) log.info({}, `message ${i}`);
    expect(lines).toHaveLength(1_000);
    log.info({}, "message 1");
    expect(lines).toHaveLength(1_000);
    log.info({}, "message 999");
    expect(lines).toHaveLength(1_001);
  });

  it("fields that cannot become JSON are written, and flush writes what was counted", () => {
    const { lines, log } = collapsing();
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    log.info({ loop }, "odd");
    log.info({ loop }, "odd");
    log.flush();
    expect(lines.map(([, { repeated }]) => repeated)).toEqual([undefined, 1]);
  });
});

it("200 upgrades of a hostile page leave at most twelve lines in the log of a gateway", async () => {
  const lines: string[] = [];
  const add = (fields: object, message: string) => {
    lines.push(JSON.stringify({ ...fields, message }));
  };
  {
    await using server = await startGateway({ log: { info: add, warn: add, error: add } });
    for (let i = 0; i < 200; i++) {
      const headers = { Origin: `https://evil-${i}.example` };
      await exchange(server.port, upgradeRequest("/ws", headers));
    }
  }
  const refused = lines.filter((line) => line.includes("allowedOrigins"));
  expect(refused.length).toBeLessThanOrEqual(12);
  expect(refused.at(-1)).toContain('"repeated":190');
});
