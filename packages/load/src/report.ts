import type { LatencyFigures } from "./latencies.ts";
import type { Machine } from "./machine.ts";
import type { ProcessLoad } from "./processes/messages.ts";
import type { LoadShape } from "./profiles.ts";
import type { Counted } from "./tally.ts";

/** Version of the report's shape. */
export const reportVersion = 1;

/** Second of a run. */
export interface Second {
  /** Seconds since the publications began. */
  readonly at: number;
  readonly open: number;
  readonly deliveries: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Report of a run, as it is written to a file. Times are in microseconds unless a name says otherwise. */
export interface LoadReport {
  readonly kind: "milepost-bench";
  readonly version: typeof reportVersion;
  /** Time of the run's start, ISO 8601. */
  readonly startedAt: string;
  readonly machine: Machine;
  readonly profile: string;
  readonly shape: LoadShape;
  readonly target: { readonly url: string; readonly isLoopback: boolean };
  readonly processes: { readonly readers: number; readonly publishers: number };
  /** True when the user ended the run early. */
  readonly wasInterrupted: boolean;
  readonly connect: {
    readonly asked: number;
    readonly opened: number;
    readonly failures: readonly Counted[];
    /** Connections opened a second, over the time that it took. */
    readonly perSecond: number;
    /** From the moment a connection was due until its subscription began. */
    readonly latency: LatencyFigures;
    /** Each thousand connections, in the order in which they were due: how a server starts, and how it goes on. */
    readonly thousands: readonly {
      readonly opened: number;
      readonly p50Us: number;
      readonly p99Us: number;
    }[];
  };
  readonly publish: {
    readonly scheduled: number;
    readonly accepted: number;
    readonly acceptedPerSecond: number;
    readonly refusals: readonly Counted[];
    /** Publications whose outcome is unknown, because their connection ended. */
    readonly uncertain: number;
    /** Publications that were never sent, because the server fell behind the schedule. */
    readonly unsent: number;
    /** From the moment a publication was due until it was acknowledged. */
    readonly latency: LatencyFigures;
  };
  readonly delivery: {
    readonly delivered: number;
    /** Deliveries a second in the measured time. */
    readonly perSecond: number;
    /** Deliveries that connected readers never received. */
    readonly missing: number;
    /** Deliveries that came twice or late. */
    readonly repeated: number;
    readonly bytesPerDelivery: number;
    /** From the moment a publication was due until a reader had it. */
    readonly latency: LatencyFigures;
  };
  readonly disconnects: readonly Counted[];
  /** Figures from the gateway's metrics; absent when they could not be read. */
  readonly server?: {
    readonly residentBytes: number;
    /** Resident bytes that were added by the connections, divided by them. */
    readonly bytesPerConnection: number;
    /** Cores that the gateway used in the measured time. */
    readonly cores: number;
    /** Processor time for each delivery, publishing included. */
    readonly cpuUsPerDelivery: number;
    /** Processor time for each connection that was opened. */
    readonly cpuUsPerConnect: number;
  };
  readonly generator: {
    readonly processes: readonly ProcessLoad[];
    /** Share of all cores of the generator's machine that were busy in the measured time, with whatever. */
    readonly machineShare: number;
  };
  readonly timeline: readonly Second[];
  readonly warnings: readonly string[];
}

/** Returns the report in a text of JSON. Throws an error that says what is wrong with the text. */
export function readReport(text: string, name: string): LoadReport {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${name} is not JSON; it must be a file that milepost bench --out wrote`);
  }
  const { kind, version } = (value ?? {}) as { kind?: unknown; version?: unknown };
  if (kind !== "milepost-bench") {
    throw new Error(
      `${name} is no report of a run; it must be a file that milepost bench --out wrote`,
    );
  }
  if (version !== reportVersion) {
    throw new Error(
      `${name} has version ${String(version)} of the report, and this command reads version ${reportVersion}; run the bench again`,
    );
  }
  return value as LoadReport;
}

/** True when no connection failed or ended, every publication was accepted, and every delivery came once. */
export function isClean({ connect, publish, delivery, disconnects }: LoadReport): boolean {
  return (
    connect.opened === connect.asked &&
    disconnects.length === 0 &&
    publish.refusals.length === 0 &&
    publish.unsent === 0 &&
    delivery.missing === 0 &&
    delivery.repeated === 0
  );
}
