import type { Client, ConnectionState, OperationHandle, Published } from "@milepost/client";
import { MilepostError } from "@milepost/protocol";
import { type ChangeKind, LiveChannel } from "./live-channel.ts";
import type {
  ChannelSlice,
  ConnectionSlice,
  MilepostActions,
  MilepostValues,
} from "./milepost-state.ts";
import { slicesIn } from "./stored-slices.ts";

/** Name and details of a change, as developer tools show it. */
export interface MilepostAction {
  readonly type: string;
  readonly [detail: string]: unknown;
}

/** Store as the binding uses it. */
export interface BoundStore {
  get(): Partial<MilepostValues>;
  set(values: Partial<MilepostValues>, action: MilepostAction): void;
}

/** Settings of the binding. */
export interface BindingOptions {
  /** Runs a function soon; changes until then reach the store together. Default: at the end of the current task. */
  readonly schedule?: (run: () => void) => void;
  /** Includes the connection's metrics, which change about once a second; default false. */
  readonly metrics?: boolean;
  /**
   * Id of the user, where the page knows it before it connects. Stored data of another user are then never shown;
   * otherwise they are dropped once the client has connected.
   */
  readonly owner?: string;
}

/** Number of channels that the store keeps while nobody watches them; the oldest are dropped. */
const maxUnwatched = 50;

const endOfTask = (run: () => void) => {
  setTimeout(run, 0);
};

interface WatchedOperation {
  readonly handle: OperationHandle;
  holders: number;
  stop: (() => void) | undefined;
}

type Part = "connection" | "channels" | "operations";

/**
 * Keeps the values of a store up to date with a client. The client's data are the truth and the store shows them, so a
 * store that is set to an earlier state sends nothing.
 */
export class StoreBinding implements MilepostActions {
  readonly #client: Client;
  readonly #store: BoundStore;
  readonly #options: BindingOptions;
  readonly #channels = new Map<string, LiveChannel>();
  readonly #operations = new Map<string, WatchedOperation>();
  readonly #stops: (() => void)[] = [];
  /** Starts that wait until the storage was read, or until the store shows the present again. */
  #waiting: (() => void)[] = [];
  /** Parts that changed since the last write, the latest change, and the number of changes. */
  #changed = new Set<Part>();
  #action: MilepostAction | undefined;
  #changes = 0;
  #revision = 0;
  #owner: string | null;
  #isAdopted = false;
  #isScheduled = false;
  #isDetached = false;

  constructor(client: Client, store: BoundStore, options: BindingOptions) {
    this.#client = client;
    this.#store = store;
    this.#options = options;
    this.#owner = options.owner ?? null;
    this.#stops.push(client.onState(() => this.#onConnection()));
    if (options.metrics === true) {
      this.#stops.push(client.onMetrics(() => this.#change("connection", "metrics")));
    }
  }

  /** Values of the store at its creation. */
  get initial(): MilepostValues {
    return {
      connection: this.#connection,
      channels: {},
      operations: {},
      owner: this.#owner,
      revision: 0,
    };
  }

  /** Takes over what the storage held, once it was read, and starts what was watched meanwhile. */
  adopt(): void {
    if (this.#isDetached || this.#isAdopted) return;
    this.#isAdopted = true;
    const { channels, owner = null } = this.#store.get();
    const isForeign = this.#options.owner !== undefined && owner !== this.#options.owner;
    if (!isForeign) {
      this.#owner ??= owner;
      for (const [name, slice] of Object.entries(slicesIn(channels))) this.#open(name, slice);
    }
    this.#resync("milepost/start");
    this.#onConnection();
  }

  /** Called after each change of the store, whoever made it. */
  onStore(): void {
    if (this.#waiting.length > 0 && this.#isAdopted && !this.#isBehind) this.#startWaiting();
  }

  watch: MilepostActions["watch"] = (name, options = {}) => {
    const channel = this.#open(name);
    channel.holders++;
    this.#whenPresent(() => {
      if (channel.holders > 0 && !channel.isOpen) channel.start(options);
    });
    return once(() => {
      channel.holders--;
      if (channel.holders > 0 || this.#channels.get(name) !== channel) return;
      if (channel.isOpen) channel.stop();
      this.#bound();
    });
  };

  watchOperation: MilepostActions["watchOperation"] = (id) => {
    const watched = this.#operations.get(id) ?? {
      handle: this.#client.operation(id),
      holders: 0,
      stop: undefined,
    };
    this.#operations.set(id, watched);
    watched.holders++;
    const tell = () => this.#change("operations", "operation", { id });
    this.#whenPresent(() => {
      if (watched.holders === 0 || watched.stop !== undefined) return;
      watched.stop = watched.handle.subscribe(tell);
      tell();
    });
    return once(() => {
      watched.holders--;
      if (watched.holders > 0) return;
      watched.stop?.();
      watched.stop = undefined;
      if (this.#operations.get(id) === watched) this.#operations.delete(id);
      tell();
    });
  };

  publish: MilepostActions["publish"] = (channel, event, data, options): Promise<Published> => {
    if (!this.#isBehind) return this.#client.publish(channel, event, data, options);
    if (this.#isAdopted) this.#resync();
    const message =
      "the store showed an earlier state, so nothing was sent; it shows the present again, so send once more";
    return Promise.reject(new MilepostError("cancelled", message));
  };

  forget: MilepostActions["forget"] = () => {
    for (const channel of this.#channels.values()) {
      if (channel.holders === 0) this.#channels.delete(channel.name);
      else channel.clear();
    }
    this.#change("channels", "forget");
  };

  detach: MilepostActions["detach"] = () => {
    this.#isDetached = true;
    for (const stop of this.#stops) stop();
    for (const channel of this.#channels.values()) if (channel.isOpen) channel.stop();
    for (const { stop } of this.#operations.values()) stop?.();
    this.#operations.clear();
  };

  /** True while the store shows a state of before the latest change, as developer tools set it. */
  get #isBehind(): boolean {
    return this.#store.get().revision !== this.#revision;
  }

  get #connection(): ConnectionSlice {
    const { state } = this.#client;
    return this.#options.metrics === true ? { state, metrics: this.#client.metrics() } : { state };
  }

  #open(name: string, slice: ChannelSlice = { status: "idle", events: [] }): LiveChannel {
    const known = this.#channels.get(name);
    if (known !== undefined) {
      // The storage may be read after the channel was first watched.
      if (!known.isOpen && slice.position !== undefined) known.slice = slice;
      return known;
    }
    const channel = new LiveChannel(this.#client, name, slice, (kind, event) =>
      this.#onChannel(channel, kind, event),
    );
    this.#channels.set(name, channel);
    return channel;
  }

  /** Runs work that sends something: once the storage was read, and not while the store shows an earlier state. */
  #whenPresent(start: () => void): void {
    if (this.#isDetached) return;
    if (this.#isAdopted && !this.#isBehind) start();
    else this.#waiting.push(start);
  }

  #startWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const start of waiting) start();
  }

  #onConnection(): void {
    const { state } = this.#client;
    const owner = state.state === "connected" ? ownerIn(state) : this.#owner;
    if (owner !== this.#owner) {
      // What was kept belongs to another user of this browser.
      const isOther = this.#owner !== null;
      this.#owner = owner;
      if (isOther) this.forget();
    }
    if (state.state === "connecting" && state.attempt === 1) {
      for (const channel of this.#channels.values()) if (channel.isFailed) channel.start();
    }
    this.#change("connection", "connection", { state: state.state });
  }

  #onChannel(channel: LiveChannel, kind: ChangeKind, event: string | undefined): void {
    const named = event === undefined ? {} : { event };
    this.#change("channels", kind, { channel: channel.name, ...named });
  }

  /** Drops channels that nobody watches, beyond the number that is kept. */
  #bound(): void {
    const idle = [...this.#channels.values()].filter(({ holders }) => holders === 0);
    for (const { name } of idle.slice(0, Math.max(0, idle.length - maxUnwatched))) {
      this.#channels.delete(name);
    }
  }

  #change(part: Part, kind: string, details: Record<string, unknown> = {}): void {
    if (this.#isDetached) return;
    this.#changed.add(part);
    this.#action = { type: `milepost/${kind}`, ...details };
    this.#changes++;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    (this.#options.schedule ?? endOfTask)(() => this.#flush());
  }

  /** Shows all changes since the last time in one change of the store. */
  #flush(): void {
    this.#isScheduled = false;
    // Until the storage was read, a write would replace what it holds.
    if (this.#isDetached || !this.#isAdopted || this.#action === undefined) return;
    if (this.#isBehind) {
      this.#resync();
      return;
    }
    const more = this.#changes > 1 ? { changes: this.#changes } : {};
    this.#write({ ...this.#action, ...more });
  }

  /** Shows the present in a store that was set to another state, and starts what waited. */
  #resync(type = "milepost/resync"): void {
    this.#changed = new Set<Part>(["connection", "channels", "operations"]);
    this.#write({ type });
    this.#startWaiting();
  }

  #write(action: MilepostAction): void {
    const changed = this.#changed;
    this.#changed = new Set();
    this.#action = undefined;
    this.#changes = 0;
    const channels = [...this.#channels.values()].map(({ name, slice }) => [name, slice]);
    const operations = [...this.#operations].map(([id, { handle }]) => [id, handle.view]);
    this.#revision++;
    this.#store.set(
      {
        revision: this.#revision,
        owner: this.#owner,
        ...(changed.has("connection") ? { connection: this.#connection } : {}),
        ...(changed.has("channels") ? { channels: Object.fromEntries(channels) } : {}),
        ...(changed.has("operations") ? { operations: Object.fromEntries(operations) } : {}),
      },
      action,
    );
  }
}

function ownerIn(state: Extract<ConnectionState, { readonly state: "connected" }>): string | null {
  const { userId, sessionId } = state;
  return userId ?? (sessionId === null ? null : `session:${sessionId}`);
}

function once(end: () => void): () => void {
  let isEnded = false;
  return () => {
    if (!isEnded) end();
    isEnded = true;
  };
}
