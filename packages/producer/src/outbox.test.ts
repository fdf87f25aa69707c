import { describe, expect, test } from "vitest";
import { Outbox } from "./outbox.ts";
import type { Report } from "./report.ts";

const roomy = { maxBytes: 1_000_000, maxReports: 10_000 };

function outbox(bounds = roomy): Outbox {
  return new Outbox(bounds, "run");
}

function step(id: string, fields: object = {}): Report {
  return { event: "step", data: { id, ...fields } };
}

function line(message: string, level: "info" | "warning" = "info"): Report {
  return { event: "log", data: { level, message } };
}

function taken(box: Outbox): Report[] {
  return box.take(10_000, Number.POSITIVE_INFINITY).map(({ report }) => report);
}

describe("the outbox", () => {
  test("the outbox keeps only the latest of a million updates of one step", () => {
    const box = outbox();
    for (let done = 1; done <= 1_000_000; done++) box.add(step("read", { done, total: 1_000_000 }));
    expect(taken(box)).toEqual([step("read", { done: 1_000_000, total: 1_000_000 })]);
  });

  test("the outbox keeps each step's first report at its position, and merges later ones at the position of the newest", () => {
    const box = outbox();
    for (let i = 1; i <= 3; i++) {
      box.add(step("a", { done: i }));
      box.add(step("b", { done: i }));
    }
    box.add(step("a", { status: "done" }));
    expect(taken(box)).toEqual([
      step("a", { done: 1 }),
      step("b", { done: 1 }),
      step("b", { done: 3 }),
      step("a", { done: 3, status: "done" }),
    ]);
  });

  test("the outbox does not merge the reports that begin a step, end it, and begin it again", () => {
    const box = outbox();
    box.add(step("a"));
    box.add(step("a", { status: "done" }));
    box.add(step("a", { status: "running" }));
    box.add(step("a", { done: 1 }));
    expect(taken(box)).toEqual([
      step("a"),
      step("a", { status: "done" }),
      step("a", { status: "running", done: 1 }),
    ]);
  });

  test("the outbox does not merge a report from before a lifecycle report with one from after it", () => {
    const box = outbox();
    box.add({ event: "progress", data: { percent: 80 } });
    box.add({ event: "started", data: { attempt: 2 } });
    box.add({ event: "progress", data: { percent: 5 } });
    box.add({ event: "progress", data: { percent: 6 } });
    expect(taken(box)).toEqual([
      { event: "progress", data: { percent: 80 } },
      { event: "started", data: { attempt: 2 } },
      { event: "progress", data: { percent: 6 } },
    ]);
  });

  test("the outbox does not merge an explicit percent with a later count", () => {
    const box = outbox();
    box.add({ event: "progress", data: { percent: 20 } });
    box.add({ event: "progress", data: { done: 5, total: 10 } });
    expect(taken(box)).toHaveLength(2);
  });

  test("the outbox joins pieces of one text stream, but not of two streams and not across the end of a stream", () => {
    const box = outbox();
    for (const append of ["a", "b", "c"]) {
      box.add({ event: "text", data: { stream: "x", append } });
      box.add({ event: "text", data: { stream: "y", append: append.toUpperCase() } });
    }
    box.add({ event: "text", data: { stream: "x", done: true } });
    box.add({ event: "text", data: { stream: "x", reset: true, append: "new" } });
    expect(taken(box)).toEqual([
      { event: "text", data: { stream: "x", append: "abc", done: true } },
      { event: "text", data: { stream: "y", append: "ABC" } },
      { event: "text", data: { stream: "x", reset: true, append: "new" } },
    ]);
  });

  test("the outbox returns reports taken for sending again, with the same keys, until they are settled, and merges nothing into them", () => {
    const box = outbox();
    box.add(step("a", { done: 1 }));
    const first = box.take(10, 10_000);
    box.add(step("a", { done: 2 }));
    expect(box.take(10, 10_000)).toEqual(first);
    box.settle(1);
    const second = box.take(10, 10_000);
    expect(second.map(({ report }) => report)).toEqual([step("a", { done: 2 })]);
    expect(second[0]?.key).not.toBe(first[0]?.key);
    box.settle(1);
    expect(box.size).toBe(0);
    expect(box.bytes).toBe(0);
  });

  test("the outbox returns at least one report however large it is, and otherwise stays within both limits", () => {
    const box = outbox();
    for (let i = 0; i < 5; i++) box.add(line("x".repeat(1000)));
    expect(box.take(10, 100)).toHaveLength(1);
    box.settle(1);
    expect(box.take(2, 1_000_000)).toHaveLength(2);
  });
});

describe("the bounds of the outbox", () => {
  test("a full outbox drops the oldest info lines and puts a notice with their number in the place of the first", () => {
    const box = outbox({ maxBytes: 1_000_000, maxReports: 10 });
    box.add({ event: "started", data: {} });
    box.add(line("careful", "warning"));
    for (let i = 0; i < 1000; i++) box.add(line(`line ${i}`));
    const reports = taken(box);
    expect(reports).toHaveLength(10);
    expect(reports.slice(0, 4)).toEqual([
      { event: "started", data: {} },
      line("careful", "warning"),
      {
        event: "log",
        data: {
          level: "warning",
          message:
            "993 lines of the log were dropped here: more was reported than could be delivered",
          data: { dropped: { lines: 993, warnings: 0, updates: 0, texts: 0 } },
        },
      },
      line("line 993"),
    ]);
    expect(reports.at(-1)).toEqual(line("line 999"));
  });

  test("the outbox stays below its byte limit whatever is reported, and drops no lifecycle report", () => {
    const box = outbox({ maxBytes: 20_000, maxReports: 1000 });
    for (let i = 0; i < 200; i++) {
      box.add(line("x".repeat(500), i % 2 === 0 ? "info" : "warning"));
      box.add(step(`step ${i}`, { message: "y".repeat(300) }));
      box.add({ event: "text", data: { stream: `s${i % 3}`, append: "z".repeat(700) } });
      if (i % 20 === 0) box.add({ event: "paused", data: {} });
      expect(box.bytes).toBeLessThanOrEqual(20_000);
    }
    expect(taken(box).filter(({ event }) => event === "paused")).toHaveLength(10);
  });

  test("the outbox keeps lifecycle reports even when they alone exceed its limits", () => {
    const box = outbox({ maxBytes: 10, maxReports: 1 });
    for (let i = 0; i < 5; i++) box.add({ event: "paused", data: {} });
    expect(taken(box)).toHaveLength(5);
  });

  test("the outbox starts a new notice of dropped reports once the first notice was taken for sending", () => {
    const box = outbox({ maxBytes: 1_000_000, maxReports: 3 });
    for (let i = 0; i < 5; i++) box.add(line(`${i}`));
    const first = box.take(10, 10_000).length;
    for (let i = 0; i < 5; i++) box.add(line(`${i}`));
    box.settle(first);
    const notices = taken(box).filter(
      ({ event, data }) => event === "log" && "level" in data && data.level === "warning",
    );
    expect(notices).toMatchObject([{ data: { data: { dropped: { lines: 5 } } } }]);
  });
});
