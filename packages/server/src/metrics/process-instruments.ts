import type { InstrumentRow } from "@milepost/core";

/** Kinds of garbage collection that are told apart. */
export const collectionKinds = ["minor", "major", "incremental", "weakcb"] as const;

/** Metrics of a process, beside those of its node. */
export const processInstruments = {
  buildInfo: {
    kind: "gauges",
    name: "milepost_build_info",
    help: "Always 1; the label is the version of the gateway.",
    unit: "1",
    label: "version",
  },
  runtimeInfo: {
    kind: "gauges",
    name: "milepost_runtime_info",
    help: "Always 1; the label is the version of Node.",
    unit: "1",
    label: "version",
  },
  startTime: {
    kind: "gauge",
    name: "milepost_process_start_time_seconds",
    help: "Time at which the process started, in seconds since 1970.",
    unit: "s",
  },
  cpu: {
    kind: "counter",
    name: "milepost_process_cpu_seconds_total",
    help: "Time of processors that the process has used, by mode; 1 per second is one busy core.",
    unit: "s",
    labels: [["mode", ["user", "system"]]],
  },
  memory: {
    kind: "gauges",
    name: "milepost_process_memory_bytes",
    help: "Memory of the process: all that is resident, the heap, what of the heap is used, and buffers outside it.",
    unit: "bytes",
    label: "area",
    values: ["resident", "heap", "heap_used", "external"],
  },
  openDescriptors: {
    kind: "gauge",
    name: "milepost_process_open_descriptors",
    help: "File descriptors that the process has open; 0 where the system does not tell.",
    unit: "descriptors",
  },
  maxDescriptors: {
    kind: "gauge",
    name: "milepost_process_max_descriptors",
    help: "File descriptors that the process may have open; 0 where the system does not tell.",
    unit: "descriptors",
  },
  loopDelay: {
    kind: "gauges",
    name: "milepost_event_loop_delay_milliseconds",
    help: "Delay of the event loop since about the last scrape: quantiles and the maximum. What waits longer than this is late.",
    unit: "ms",
    label: "quantile",
    values: ["0.5", "0.9", "0.99", "1"],
  },
  loopTime: {
    kind: "counter",
    name: "milepost_event_loop_seconds_total",
    help: "Time that the event loop was busy or idle.",
    unit: "s",
    labels: [["state", ["active", "idle"]]],
  },
  collections: {
    kind: "counter",
    name: "milepost_gc_pauses_total",
    help: "Pauses for garbage collection, by kind.",
    unit: "pauses",
    labels: [["kind", collectionKinds]],
  },
  collectionTime: {
    kind: "counter",
    name: "milepost_gc_pause_seconds_total",
    help: "Time of these pauses.",
    unit: "s",
    labels: [["kind", collectionKinds]],
  },
  collectionPauses: {
    kind: "histogram",
    name: "milepost_gc_pause_milliseconds",
    help: "Length of each pause for garbage collection.",
    unit: "ms",
    buckets: [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
  },
} as const satisfies Readonly<Record<string, InstrumentRow>>;
