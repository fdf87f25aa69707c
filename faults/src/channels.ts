/** Channel of the suite, with its projection. */
export interface SuiteChannel {
  readonly name: string;
  readonly projection: "latest" | null;
}

const maxEntries = 100_000;
const maxAgeMs = 3_600_000;

/** Channels that the suite publishes to and reads. */
export const channels: readonly SuiteChannel[] = [
  { name: "log:a", projection: null },
  { name: "log:b", projection: null },
  { name: "latest:a", projection: "latest" },
];

export const retention = { maxEntries, maxAgeMs } as const;

/** Rules that the gateways are started with. */
export const rules = [
  { pattern: "log:{log}", subscribe: "granted", publish: "granted", retention },
  {
    pattern: "latest:{log}",
    subscribe: "granted",
    publish: "granted",
    retention,
    projection: { name: "latest" },
  },
] as const;

/** Channels that the suite's users may subscribe to and publish on. */
export const grant = { subscribe: ["log:*", "latest:*"], publish: ["log:*", "latest:*"] } as const;
