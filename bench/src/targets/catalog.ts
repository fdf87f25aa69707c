import { startFloor } from "./floor.ts";
import { startMilepost } from "./milepost.ts";
import { startSocketIo } from "./socket-io.ts";
import type { Target } from "./target.ts";
import { startWs } from "./ws.ts";

interface Entry {
  readonly title: string;
  /** True when the publications of one tick leave in one write per connection. */
  readonly joins: boolean;
  start(): Promise<Target>;
}

/** Servers under test, by their names on the command line. */
export const catalog = {
  floor: { title: "floor (raw sockets)", joins: true, start: startFloor },
  "milepost-json": {
    title: "Milepost, milepost.v1.json",
    joins: true,
    start: () => startMilepost({ dialect: "milepost.v1.json", channels: "shared" }),
  },
  "milepost-plain": {
    title: "Milepost, plain",
    joins: true,
    start: () => startMilepost({ dialect: "plain", channels: "shared" }),
  },
  "milepost-own": {
    title: "Milepost, own channel each",
    joins: true,
    start: () => startMilepost({ dialect: "milepost.v1.json", channels: "own" }),
  },
  "milepost-bare": {
    title: "Milepost, bare client",
    joins: true,
    start: () => startMilepost({ dialect: "plain", channels: "personal" }),
  },
  "milepost-unmetered": {
    title: "Milepost, no metrics",
    joins: true,
    start: () =>
      startMilepost({ dialect: "milepost.v1.json", channels: "shared", metrics: "none" }),
  },
  "milepost-scraped": {
    title: "Milepost, scraped each second",
    joins: true,
    start: () =>
      startMilepost({ dialect: "milepost.v1.json", channels: "shared", metrics: "scraped" }),
  },
  ws: { title: "ws, send in a loop", joins: false, start: startWs },
  /** It runs in Bun, by `bun-process.ts`. */
  bun: {
    title: "Bun, publish to a topic",
    joins: true,
    start: () => Promise.reject(new Error("the target bun runs in Bun; see BENCH_BUN")),
  },
  "socket.io": { title: "Socket.IO, emit to a room", joins: false, start: startSocketIo },
} as const satisfies Record<string, Entry>;

export type TargetName = keyof typeof catalog;

export function isTargetName(name: string): name is TargetName {
  return Object.hasOwn(catalog, name);
}

/**
 * Targets of the workloads that measure CPU, beginning with the floor, the cheapest possible server. All
 * readers subscribe to one channel.
 */
export const pacedTargets = [
  "floor",
  "milepost-json",
  "milepost-plain",
  "ws",
  "socket.io",
] as const satisfies readonly TargetName[];

/** Further targets of these workloads, which run only when they are named. */
export const namedTargets = [
  "bun",
  "milepost-unmetered",
  "milepost-scraped",
] as const satisfies readonly TargetName[];

/** Targets of the workload that measures memory. */
export const memoryTargets = [
  "floor",
  "ws",
  "milepost-json",
  "milepost-own",
  "milepost-bare",
  "socket.io",
] as const satisfies readonly TargetName[];
