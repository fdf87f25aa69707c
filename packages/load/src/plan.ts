import type { LoadShape } from "./profiles.ts";

/** Connections that one process opens at most: the common limit is 20,000 files, and a process has some others. */
const maxConnectionsPerProcess = 18_000;
/** Files that a generator process needs beside its connections. */
const reservedFiles = 200;
/** Connections above which a further process is used, as long as there is a core for it. */
const comfortableConnections = 5_000;
/**
 * Connections that leave from one address at most. The gateway's own limit is 1,000 for each address, and an address has
 * about 28,000 ports.
 */
export const maxConnectionsPerAddress = 900;
/** Publications a second above which a further process publishes. */
const comfortableRate = 4_000;

/** Bounds of the numbers of a shape, both included. */
export const shapeBounds = {
  connections: [1, 500_000],
  connectRate: [1, 20_000],
  channels: [1, 500_000],
  rate: [0, 100_000],
  seconds: [1, 86_400],
  warmupSeconds: [0, 600],
  bytes: [64, 65_536],
} as const satisfies Record<keyof LoadShape, readonly [number, number]>;

/** Share of one process in the connections of a run. */
export interface ReaderShare {
  /** Number of its first connection; connection n uses channel n modulo the number of channels. */
  readonly first: number;
  readonly connections: number;
}

/** Limits of the machine. */
export interface Resources {
  readonly cores: number;
  /** Files that a process may have open. */
  readonly maxFiles: number;
}

/**
 * Divides the connections among processes, as evenly as possible. `wanted` is the number of processes asked for; more are
 * used when a process could not hold its share.
 */
export function shareConnections(
  { connections }: Pick<LoadShape, "connections">,
  { cores, maxFiles }: Resources,
  wanted?: number,
): readonly ReaderShare[] {
  const capacity = Math.max(1, Math.min(maxConnectionsPerProcess, maxFiles - reservedFiles));
  const comfortable = Math.min(
    Math.max(1, cores - 1),
    Math.ceil(connections / comfortableConnections),
  );
  const processes = Math.min(
    connections,
    Math.max(wanted ?? comfortable, Math.ceil(connections / capacity)),
  );
  return Array.from({ length: processes }, (_, i) => {
    const first = Math.floor((i * connections) / processes);
    return { first, connections: Math.floor(((i + 1) * connections) / processes) - first };
  });
}

/** Returns how many processes publish. */
export function publisherCount({ rate, channels }: LoadShape): number {
  return rate === 0 ? 0 : Math.min(channels, 8, Math.ceil(rate / comfortableRate));
}

/**
 * Returns the address that connection `index` leaves from. On loopback, groups of connections take 127.0.1.1, 127.0.1.2
 * and so on. `given` are addresses of this machine that take turns; undefined: the system chooses.
 */
export function sourceAddress(
  index: number,
  isLoopbackV4: boolean,
  given: readonly string[],
): string | undefined {
  if (given.length > 0) return given[index % given.length];
  if (!isLoopbackV4) return undefined;
  const group = Math.floor(index / maxConnectionsPerAddress);
  return `127.0.${1 + Math.floor(group / 250)}.${1 + (group % 250)}`;
}
