import type {
  Appended,
  ChannelLog,
  LogPolicy,
  LogSlice,
  LogSnapshot,
  NewEntry,
} from "@milepost/engine";
import { SharedCall } from "../runtime/shared-call.ts";

/**
 * Logs as one node reads them: of equal reads and snapshots that are requested at once, one goes to the store.
 *
 * One answer can stand for all of them because it is sent only after each was requested, see {@link
 * SharedCall}. All other calls go straight through.
 */
export class SharedLog implements ChannelLog {
  readonly #log: ChannelLog;
  readonly #reads = new Map<string, SharedCall<LogSlice>>();
  readonly #snapshots = new Map<string, SharedCall<LogSnapshot>>();

  constructor(log: ChannelLog) {
    this.#log = log;
  }

  append(channel: string, entry: NewEntry, policy: LogPolicy): Promise<Appended> {
    return this.#log.append(channel, entry, policy);
  }

  read(channel: string, afterOffset: number, limit: number, policy: LogPolicy): Promise<LogSlice> {
    const what = `${channel} ${afterOffset} ${limit}`;
    return shared(this.#reads, what, () => this.#log.read(channel, afterOffset, limit, policy));
  }

  snapshot(channel: string, policy: LogPolicy): Promise<LogSnapshot> {
    return shared(this.#snapshots, channel, () => this.#log.snapshot(channel, policy));
  }

  find(...args: Parameters<ChannelLog["find"]>): ReturnType<ChannelLog["find"]> {
    return this.#log.find(...args);
  }

  purge(channel: string, policy: LogPolicy): Promise<void> {
    return this.#log.purge(channel, policy);
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}

/** Shares the call of a name, and forgets it once no caller waits for it. */
async function shared<T>(
  calls: Map<string, SharedCall<T>>,
  name: string,
  ask: () => Promise<T>,
): Promise<T> {
  let call = calls.get(name);
  if (call === undefined) {
    call = new SharedCall(ask);
    calls.set(name, call);
  }
  try {
    return await call.run();
  } finally {
    if (call.isIdle && calls.get(name) === call) calls.delete(name);
  }
}
