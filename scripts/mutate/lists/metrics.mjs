import { faultsIn } from "../faults-in.mjs";

const metrics = "packages/server/src/metrics";

/** Faults in the metrics: what they count, who may read them, and how several workers unite theirs. */
export const metricsMutants = [
  ...faultsIn(`${metrics}/exposition.ts`, [
    [
      "labels: { worker, ...sample.labels }",
      "labels: { ...sample.labels }",
      "the samples of all workers have the same labels",
    ],
    ["[...known.values, ...values]", "values", "a scrape has the samples of the last worker only"],
    [
      "openMetrics > 0 && openMetrics >= text",
      "openMetrics > 0",
      "a scraper that prefers plain text gets OpenMetrics",
    ],
    ["name: metric.name", "name: values.name", "counters of OpenMetrics end with _total twice"],
  ]),
  ...faultsIn(`${metrics}/metrics-server.ts`, [
    [
      "this.#isLocal && !namesLoopback(headers.host)",
      "false",
      "a page reads the port by a name of its own",
    ],
    ['!== "/metrics"', '=== ""', "the port without a key answers every path"],
  ]),
  ...faultsIn(`${metrics}/metric-store.ts`, [
    ["count += inBucket", "count = inBucket", "the buckets of a histogram do not add up"],
  ]),
  ...faultsIn("packages/server/src/http/routes/metrics.ts", [
    [
      'requireService(context.get("principal"), "metrics");',
      "",
      "every user and every key may read the metrics",
    ],
  ]),
  ...faultsIn("packages/server/src/runtime/worker-exchange.ts", [
    ["worker !== asker && worker", "worker", "a worker is asked for its metrics by itself"],
    [
      "while (taken.has(number)) number++",
      "number = taken.size + this.#collected + 1",
      "numbers of workers grow with every restart",
    ],
    ["this.#numbers.delete(worker);", "", "a scrape waits for a worker that has ended"],
  ]),
  ...faultsIn("packages/core/src/runtime/bounded-values.ts", [
    [
      "&& this.#parts.size < this.#most",
      "",
      "a label that outsiders choose has any number of values",
    ],
  ]),
  ...faultsIn("packages/core/src/node/node-gauges.ts", [
    ["if (waitingBytes > highWaterBytes) slow++", "slow++", "every connection counts as slow"],
    [
      'if (principal?.kind !== "user") continue;',
      "",
      "connections of services count as those of a user",
    ],
  ]),
  ...faultsIn("packages/core/src/operations/operation-metrics.ts", [
    [
      "before?.status !== after.status",
      "true",
      "each event of an operation counts as a change of its status",
    ],
  ]),
];
