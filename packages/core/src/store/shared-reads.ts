import type { ChannelLog, LogPolicy, LogSlice, LogSnapshot } from "@milepost/engine";
import { SharedCall } from "../runtime/shared-call.ts";

/** Methods of a channel log that read. */
export type LogReader = Pick<ChannelLog, "read" | "snapshot" | "peek">;

/**
 * Channel logs of one node with shared reads: equal reads and snapshots that are requested at the same time go
 * to the store once.
 *
 * One answer can stand for all of them because the read is sent only after each was requested, see {@link
 * SharedCall}.
 */
export class SharedReads implements LogReader {
  readonly #log: LogReader;
  readonly #reads = new Map<string, SharedCall<LogSlice>>();
  readonly #snapshots = new Map<string, SharedCall<LogSnapshot>>();
  readonly #peeks = new Map<string, SharedCall<LogSnapshot | undefined>>();

  constructor(log: LogReader) {
    this.#log = log;
  }

  read(channel: string, afterOffset: number, limit: number, policy: LogPolicy): Promise<LogSlice> {
    const what = `${channel} ${afterOffset} ${limit}`;
    return shared(this.#reads, what, () => this.#log.read(channel, afterOffset, limit, policy));
  }

  snapshot(channel: string, policy: LogPolicy): Promise<LogSnapshot> {
    return shared(this.#snapshots, channel, () => this.#log.snapshot(channel, policy));
  }

  peek(channel: string, policy: LogPolicy): Promise<LogSnapshot | undefined> {
    return shared(this.#peeks, channel, () => this.#log.peek(channel, policy));
  }
}

/** Runs the shared call that is kept under a name until no caller waits for it. */
function shared<T>(
  calls: Map<string, SharedCall<T>>,
  name: string,
  ask: () => Promise<T>,
): Promise<T> {
  let call = calls.get(name);
  if (call === undefined) {
    call = new SharedCall(ask, () => calls.delete(name));
    calls.set(name, call);
  }
  return call.run();
}
