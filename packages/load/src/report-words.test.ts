import { expect, test } from "vitest";
import { chartOf } from "./chart.ts";
import { generatorWarnings } from "./generator-limits.ts";
import type { ProcessLoad } from "./processes/messages.ts";
import { reasonOf } from "./processes/refusal-words.ts";
import { parseServerFigures } from "./server-figures.ts";
import { summaryOf } from "./summary.ts";
import { Tally } from "./tally.ts";
import { sampleReport } from "./testing/sample-report.ts";

test("a summary has the percentiles, what was lost, and every reason of a failure", () => {
  const report = sampleReport(2_500, {
    disconnects: [{ reason: "closed with 4009 slow_consumer", count: 3 }],
    warnings: ["the generator is the limit"],
  });
  const text = summaryOf(report).join("\n");
  expect(text).toMatch(/^deliver +2\.50 ms/m);
  expect(text).toContain("lost        0, repeated or late 0");
  expect(text).toContain("disconnected: 3 × closed with 4009 slow_consumer");
  expect(text).toContain("warning: the generator is the limit");
});

test("a chart is an SVG with all its numbers finite, also of a run without deliveries", () => {
  const report = sampleReport(2_500, { target: { url: "http://a&b<c>", isLoopback: true } });
  for (const one of [report, { ...report, timeline: [] }]) {
    const svg = chartOf(one);
    expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 860 \d+"/);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(svg).toContain("http://a&#38;b&#60;c&#62;");
  }
});

test("the generator is called the limit when a process uses its core, is late, or the machine is full", () => {
  const idle: ProcessLoad = {
    ...{ role: "readers", pid: 1, cpuShare: 0.2, loopDelayP99Ms: 1, rssBytes: 0 },
  };
  expect(generatorWarnings([idle], 0.5, true)).toEqual([]);
  expect(generatorWarnings([idle, { ...idle, cpuShare: 0.99 }], 0.5, true)).toEqual([
    expect.stringContaining("1 of its 2 processes used up to 99 % of a core"),
  ]);
  expect(generatorWarnings([{ ...idle, loopDelayP99Ms: 40 }], 0.5, true)).toEqual([
    expect.stringContaining("40 ms behind"),
  ]);
  expect(generatorWarnings([idle], 0.97, true)).toEqual([
    expect.stringContaining("the gateway shares it"),
  ]);
});

test("failures of many connections become one reason without addresses", () => {
  expect(reasonOf("connect ECONNREFUSED 127.0.0.1:8787 - Local (127.0.1.1:0)")).toBe(
    "connect ECONNREFUSED",
  );
  expect(reasonOf('refused: HTTP/1.1 429 Too Many Requests {"type":"x","code":"too_many"}')).toBe(
    "429 Too Many Requests: too_many",
  );
});

test("a tally keeps twenty reasons and counts the others together", () => {
  const tally = new Tally();
  for (let i = 0; i < 30; i++) tally.add(`reason ${i}`);
  tally.add("reason 3");
  expect(tally.total).toBe(31);
  expect(tally.toList()).toHaveLength(21);
  expect(tally.toList()[0]).toEqual({ reason: "other reasons", count: 10 });
});

test("the figures of the server are the sums over its processes", () => {
  const text = [
    "# HELP milepost_process_cpu_seconds_total x",
    'milepost_process_cpu_seconds_total{mode="user",worker="1"} 1.5',
    'milepost_process_cpu_seconds_total{mode="system",worker="1"} 0.5',
    'milepost_process_cpu_seconds_total{mode="user",worker="2"} 3',
    'milepost_process_memory_bytes{area="heap",worker="1"} 7',
    'milepost_process_memory_bytes{area="resident",worker="1"} 100',
    'milepost_process_memory_bytes{area="resident",worker="2"} 50',
  ].join("\n");
  expect(parseServerFigures(text)).toEqual({ cpuSeconds: 5, residentBytes: 150 });
  expect(parseServerFigures("nothing")).toBeUndefined();
});
