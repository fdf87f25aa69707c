import { expect, test } from "vitest";
import { planCapacity } from "./capacity-plan.ts";
import type { FigureFile } from "./figure-file.ts";
import { figureRows } from "./figure-rows.ts";
import { figureRuns } from "./figure-runs.ts";
import { targetTable, withTables } from "./figure-tables.ts";
import { withDefaults } from "./figures-command.ts";

const median = (value: number) => ({ median: value, min: value, max: value });

function fileOf(name: string, rows: readonly unknown[]): readonly [string, FigureFile] {
  const machine = {
    cpu: "a",
    cores: 2,
    memoryGb: 8,
    platform: "linux x64",
    node: "v20",
    load: 0.1,
  };
  const report = { workload: name, what: "", table: [], notes: [], rows };
  const startedAt = "2026-11-30T12:00:00.000Z";
  return [
    name,
    { name, command: `npm run bench -- ${name}`, startedAt, commit: "abc", machine, report },
  ];
}

test("a figure is met only if all parts of its target are, and a run that was not made leaves it open", () => {
  const row = { target: "milepost-json", deliveredPerSecond: 50_000, serverCpu: 0.4 };
  const rowOf = (toFloor: number, toSocketIo: number) => ({
    ...row,
    toFloor: median(toFloor),
    toSocketIo: median(toSocketIo),
  });
  const t1 = (toFloor: number, toSocketIo: number) =>
    figureRows(new Map([fileOf("fanout", [rowOf(toFloor, toSocketIo)])])).find(
      ({ id }) => id === "T1",
    );
  expect(t1(1.1, 0.7)).toMatchObject({ isMet: true, measured: expect.stringContaining("1.10") });
  expect(t1(1.1, 0.9)?.isMet).toBe(false);
  expect(t1(1.3, 0.7)?.isMet).toBe(false);
  expect(figureRows(new Map()).every(({ isMet }) => isMet === undefined)).toBe(true);
});

test("latency on a node is met only if it is met in memory too, and the floor of the run is no place of its own", () => {
  const place = (name: string, p99: number) => ({ place: name, p99: median(p99), lost: 0 });
  const t6 = (memory: number) =>
    figureRows(
      new Map([
        fileOf("across-nodes", [
          place("floor over Redis", 90),
          place("in memory", memory),
          place("the same node", 4),
          place("another node", 15),
        ]),
      ]),
    ).find(({ id }) => id === "T6");
  expect(t6(3)).toMatchObject({ isMet: true, measured: "3.0 ms in memory, 4.0 ms, 15.0 ms" });
  expect(t6(6)?.isMet).toBe(false);
});

test("every figure names a run that npm run bench -- figures makes", () => {
  const names: readonly string[] = figureRuns.map(({ name }) => name);
  for (const { run } of figureRows(new Map())) expect(names).toContain(run);
  expect(targetTable(new Map())).toContain("not measured yet");
});

test("a plan has the workers that its tightest bound asks for, and the memory of all of them", () => {
  const costs = {
    ...{ connectUs: 600, unicastUs: 100, fanoutUs: 10, redisUs: 30 },
    ...{ bytesPerConnection: 10_000, bytesPerWorker: 100_000_000 },
  };
  const load = { connections: 60_000, publicationsPerSecond: 0.2, comebackSeconds: 60 };
  expect(planCapacity(load, costs)).toEqual({
    ...{ byFiles: 4, byDeliveries: 2, byComeback: 1, workers: 4 },
    memoryBytes: 4 * 100_000_000 + 60_000 * 10_000,
    redisCores: 0.6,
  });
  expect(planCapacity({ ...load, comebackSeconds: 5 }, costs)).toMatchObject({
    ...{ byComeback: 12, workers: 12 },
  });
});

test("an option of the command line takes the place of the run's own, so that the kept command says what ran", () => {
  const own = ["--rounds", "3", "--seconds", "5"];
  expect(withDefaults(["--rounds", "1"], own)).toEqual(["--seconds", "5", "--rounds", "1"]);
  expect(withDefaults([], own)).toEqual(own);
});

test("a page without the marks of a table is refused, so that no table is lost unseen", () => {
  expect(() => withTables("no marks", new Map())).toThrow("lacks the marks of targets");
});
