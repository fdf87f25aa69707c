import { describe, expect, it } from "vitest";
import { readMetrics } from "./read-metrics.ts";

const text = `# HELP milepost_messages_sent_total Messages to clients.
# TYPE milepost_messages_sent_total counter
milepost_messages_sent_total{worker="1",kind="entry"} 12
milepost_messages_sent_total{worker="2",kind="entry"} 30
milepost_messages_sent_total{worker="2",kind="notice"} 1
milepost_spooled_publishes 0
milepost_odd{name="a } b",q="0.5"} 7
`;

describe("the reading of metrics", () => {
  it("the samples of all workers and labels are added up", () => {
    expect(readMetrics(text).sum("milepost_messages_sent_total")).toBe(43);
    expect(readMetrics(text).sum("milepost_messages_sent_total", { kind: "entry" })).toBe(42);
    expect(readMetrics(text).sum("milepost_odd", { q: "0.5" })).toBe(7);
    expect(readMetrics(text).max("milepost_messages_sent_total")).toBe(30);
  });

  it("a metric that is 0 differs from one that is absent", () => {
    expect(readMetrics(text).sum("milepost_spooled_publishes")).toBe(0);
    expect(readMetrics(text).sum("milepost_nothing")).toBeUndefined();
    expect(readMetrics("").sum("milepost_spooled_publishes")).toBeUndefined();
  });
});
