/** A channel of the suite, and how it is kept. */
export interface SuiteChannel {
  readonly name: string;
  readonly projection: "latest" | null;
}

const maxEntries = 100_000;
const maxAgeMs = 3_600_000;

/** What is published to and read. */
export const channels: readonly SuiteChannel[] = [
  { name: "log:a", projection: null },
  { name: "log:b", projection: null },
  { name: "latest:a", projection: "latest" },
];

export const retention = { maxEntries, maxAgeMs } as const;

/** The rules that the gateways are started with. */
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

/** The grant of its users. */
export const grant = { subscribe: ["log:*", "latest:*"], publish: ["log:*", "latest:*"] } as const;
