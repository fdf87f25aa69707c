import type { LogPolicy } from "@milepost/engine";

const common = { maxAgeMs: 86_400_000, dedupeMs: 86_400_000 };

/** Logs of the run, by channel: long and short ones, with and without a state. */
export const policies: Readonly<Record<string, LogPolicy>> = {
  "log:a": { ...common, maxEntries: 100_000 },
  "log:b": { ...common, maxEntries: 100_000 },
  "short:a": { ...common, maxEntries: 40 },
  "latest:a": { ...common, maxEntries: 100_000, projection: "latest" },
  "latest:b": { ...common, maxEntries: 60, projection: "latest" },
};

/** Bounds that nothing of the run reaches. */
export const inboxBounds = { maxItems: 1_000_000, maxLength: 1e9, maxAgeMs: 86_400_000 };
export const durableBounds = { maxPerChannel: 100, maxReplays: 10, keepMs: 86_400_000 };
export const queueName = "q";
export const space = "power";
/** Owner and channel of the durable subscribers. */
export const durableOwner = "user:ada";
export const durableChannel = "log:a";
