import { Latencies } from "../latencies.ts";
import { profiles } from "../profiles.ts";
import type { LoadReport } from "../report.ts";

/** Report of a run whose deliveries all took `us` microseconds. */
export function sampleReport(us: number, more: Partial<LoadReport> = {}): LoadReport {
  const latencies = new Latencies();
  for (let i = 0; i < 100; i++) latencies.record(us);
  const latency = latencies.figures();
  return {
    kind: "milepost-bench",
    version: 1,
    startedAt: "2026-11-30T12:00:00.000Z",
    machine: { cpu: "a", cores: 2, memoryGb: 8, platform: "linux x64", node: "v20", load: 0 },
    profile: "1k",
    shape: profiles["1k"],
    target: { url: "http://127.0.0.1:8787", isLoopback: true },
    processes: { readers: 1, publishers: 1 },
    wasInterrupted: false,
    connect: { asked: 1_000, opened: 1_000, failures: [], perSecond: 200, latency, thousands: [] },
    publish: {
      ...{ scheduled: 100, accepted: 100, acceptedPerSecond: 500, refusals: [] },
      ...{ uncertain: 0, unsent: 0, latency },
    },
    delivery: {
      ...{ delivered: 1_000, perSecond: 5_000, missing: 0, repeated: 0 },
      ...{ bytesPerDelivery: 281, latency },
    },
    disconnects: [],
    generator: { processes: [], machineShare: 0.3 },
    timeline: [
      { at: 1, open: 1_000, deliveries: 5_000, p50Us: us, p99Us: us },
      { at: 2, open: 1_000, deliveries: 5_010, p50Us: us, p99Us: us },
    ],
    warnings: [],
    ...more,
  };
}
