import type { Counted } from "../tally.ts";

/** Way in which connections reach the gateway. */
export interface Route {
  readonly host: string;
  readonly port: number;
  /** Value of the header `Host`. */
  readonly hostHeader: string;
  /** Name whose certificate the server must show; absent: no TLS. */
  readonly tlsName?: string;
}

/** First message to a process of readers. */
export interface OpenOrder {
  readonly type: "open";
  readonly route: Route;
  /** Number of the process's first connection in the run. */
  readonly first: number;
  /** One token for each connection. */
  readonly tokens: readonly string[];
  /** Address that each connection leaves from; null: the system chooses. */
  readonly sources: readonly (string | null)[];
  /** Moment at which the first connection is due, and the time until the next one of this process, in microseconds. */
  readonly startAtUs: number;
  readonly intervalUs: number;
  /** Moment at which the first connection of the run is due, and the time in which a thousand of all processes are. */
  readonly beginsAtUs: number;
  readonly thousandUs: number;
  readonly channelPrefix: string;
  readonly channels: number;
  readonly bytes: number;
}

/** Orders to a process of readers. */
export type ReaderOrder =
  | OpenOrder
  /** From now on latencies of publications due after `fromUs` count, and so does the CPU of the process. */
  | { readonly type: "measure"; readonly fromUs: number }
  /** The measured time is over: the CPU and the delay of the event loop count no longer. */
  | { readonly type: "measured" }
  /**
   * Everything was published: `totals` has the number of publications of each channel, `uncertain` those of unknown
   * outcome, as channel and number. The process reports once it has all, or nothing has come for 15 seconds.
   */
  | {
      readonly type: "finish";
      readonly totals: readonly number[];
      readonly uncertain: readonly (readonly [channel: number, seq: number])[];
    };

/** Share of its core that a generator process uses. */
export interface ProcessLoad {
  readonly role: "readers" | "publisher";
  readonly pid: number;
  /** Share of one core in the measured time. */
  readonly cpuShare: number;
  /** Delay of the event loop in the measured time, 99th percentile, in milliseconds. */
  readonly loopDelayP99Ms: number;
  readonly rssBytes: number;
}

/** Progress of a process of readers, each second. */
export interface ReaderTick {
  readonly type: "tick";
  readonly opened: number;
  readonly failed: number;
  readonly open: number;
  /** Deliveries since the start. */
  readonly delivered: number;
  /** Latencies of the last second; absent when there were none. */
  readonly latency?: string;
}

/** Final report of a process of readers. */
export interface ReaderResult {
  readonly type: "result";
  readonly opened: number;
  readonly connectLatency: string;
  /** Latencies of this process's part of each thousand connections, in the order in which they were due. */
  readonly connectThousands: readonly string[];
  readonly failures: readonly Counted[];
  readonly disconnects: readonly Counted[];
  /** Deliveries of publications in the measured time, and all of them. */
  readonly deliveredMeasured: number;
  readonly delivered: number;
  /** Moment of the last delivery, in microseconds. */
  readonly lastAtUs: number;
  readonly missing: number;
  readonly repeated: number;
  readonly bytesRead: number;
  readonly latency: string;
  readonly load: ProcessLoad;
}

export type ReaderNews =
  | ReaderTick
  /** Every connection is open or has failed. */
  | { readonly type: "opened" }
  | ReaderResult;

/** Message to a process that publishes. */
export type PublisherOrder =
  | {
      readonly type: "publish";
      readonly route: Route;
      readonly apiKey: string;
      readonly connections: number;
      readonly channelPrefix: string;
      /** Numbers of the channels of this process. */
      readonly channels: readonly number[];
      readonly bytes: number;
      /** Publication n is due at `startAtUs` plus n times `intervalUs`; those before `measureFromUs` do not count. */
      readonly startAtUs: number;
      readonly intervalUs: number;
      readonly count: number;
      readonly measureFromUs: number;
    }
  /** Publish nothing more, and report. */
  | { readonly type: "stop" };

export interface PublisherResult {
  readonly type: "result";
  /** Publications of each channel of this process, in the order of its channels. */
  readonly totals: readonly number[];
  readonly uncertain: readonly (readonly [channel: number, seq: number])[];
  /** Publications that were accepted in the measured time, and all of them. */
  readonly acceptedMeasured: number;
  readonly accepted: number;
  /** Moment of the last acceptance, in microseconds. */
  readonly lastAtUs: number;
  /** Publications of the schedule that were never sent, because the server fell behind by more than the queue holds. */
  readonly unsent: number;
  readonly refusals: readonly Counted[];
  readonly latency: string;
  readonly load: ProcessLoad;
}

export type PublisherNews =
  | { readonly type: "tick"; readonly accepted: number; readonly waiting: number }
  | PublisherResult;
