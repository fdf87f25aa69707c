import type { ChannelEvent, Client, Subscription } from "@milepost/client";
import { type Projection, projectionNamed } from "@milepost/model";
import { type MilepostError, readPosition, type Snapshot } from "@milepost/protocol";
import type { ChannelSlice, StoredError, WatchOptions } from "./milepost-state.ts";

const defaultLimit = 100;
const maxLimit = 1_000;

/** Kind of a change of a channel, for the name of the action. */
export type ChangeKind = "event" | "snapshot" | "status" | "gap" | "reset" | "end" | "error";

/** One channel of a store: its slice, and the subscription that feeds it. */
export class LiveChannel {
  readonly name: string;
  slice: ChannelSlice;
  /** Number of watchers. */
  holders = 0;
  readonly #client: Pick<Client, "channel">;
  readonly #onChange: (kind: ChangeKind, event?: string) => void;
  #options: WatchOptions = {};
  #subscription: Subscription | undefined;

  constructor(
    client: Pick<Client, "channel">,
    name: string,
    slice: ChannelSlice,
    onChange: (kind: ChangeKind, event?: string) => void,
  ) {
    this.#client = client;
    this.name = name;
    this.slice = slice;
    this.#onChange = onChange;
  }

  /** True while the channel has a subscription, also a failed one. */
  get isOpen(): boolean {
    return this.#subscription !== undefined;
  }

  get isFailed(): boolean {
    return this.#subscription?.state === "failed";
  }

  /** Subscribes after the position of the slice, or as the options say. */
  start(options: WatchOptions = this.#options): void {
    this.#options = options;
    this.#subscription?.close();
    const { projection, position, state } = this.slice;
    // A position without the state that belongs to it would leave the state behind for good.
    const resumes = position !== undefined && (projection === undefined || state !== undefined);
    const { error: _, ...rest } = this.slice;
    this.slice = resumes ? { ...rest, status: "starting" } : { status: "starting", events: [] };
    const since = resumes ? position : options.since;
    const { events, summaryMs } = options;
    try {
      const subscription: Subscription = this.#client.channel(this.name).subscribe(
        {
          onEvent: (event) => this.#take(event),
          onSnapshot: (start) => this.#replace("snapshot", start.snapshot, start.position),
          onReset: (reset) => this.#replace("reset", reset.snapshot, reset.position),
          onGap: ({ channel: __, ...gap }) => this.#set("gap", { gap, position: gap.to }),
          onEnd: ({ channel: __, ...end }) => this.#set("end", { end, position: end.position }),
          onState: (status) => this.#set("status", { status }),
          onError: (error) => this.#set("error", { error: storedError(error) }),
        },
        {
          ...(since === undefined ? {} : { since }),
          ...(events === undefined ? {} : { events }),
          ...(summaryMs === undefined ? {} : { summaryMs }),
        },
      );
      this.#subscription = subscription;
      subscription.ready.then(
        (started) => {
          if (this.slice.position === undefined)
            this.#set("status", { position: started.position });
        },
        // The refusal is shown by onError.
        () => {},
      );
      this.#onChange("status");
    } catch (error) {
      this.#set("error", { status: "failed", error: storedError(error as MilepostError) });
    }
  }

  /** Closes the subscription. What the slice holds stays, and the next start continues from there. */
  stop(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
    this.#set("status", { status: "idle" });
  }

  /** Drops what the slice holds, and begins anew if the channel is watched. */
  clear(): void {
    this.slice = { status: "idle", events: [] };
    if (this.#subscription !== undefined) this.start();
  }

  #take(event: ChannelEvent): void {
    const { position, ts, event: name, data } = event;
    const limit = Math.min(maxLimit, Math.max(0, this.#options.limit ?? defaultLimit));
    const events = limit === 0 ? [] : [...this.slice.events, event].slice(-limit);
    const projection = this.#projection();
    if (projection === undefined) {
      this.#set("event", { events, position }, name);
      return;
    }
    const offset = readPosition(position)?.offset ?? 0;
    const state = projection.reduce(this.slice.state, { event: name, data, ts, offset });
    const folded = state === undefined ? {} : { state };
    this.#set("event", { events, position, projection: projection.name, ...folded }, name);
  }

  #replace(kind: "snapshot" | "reset", { projection, state }: Snapshot, position: string): void {
    const { state: _, gap: __, ...rest } = this.slice;
    const known = state === null || state === undefined ? {} : { state };
    this.slice = { ...rest, ...(kind === "reset" ? { events: [] } : {}) };
    this.#set(kind, { projection, position, ...known });
  }

  /** Returns the projection that the gateway named, or the one that the channel is known to have. */
  #projection(): Projection<unknown> | undefined {
    const { projection } = this.#options;
    if (projection === false) return undefined;
    const name = this.slice.projection ?? projection ?? usualProjection(this.name);
    return name === undefined ? undefined : projectionNamed(name);
  }

  #set(kind: ChangeKind, change: Partial<ChannelSlice>, event?: string): void {
    this.slice = { ...this.slice, ...change };
    this.#onChange(kind, event);
  }
}

function usualProjection(channel: string): string | undefined {
  const [resource] = channel.split(":", 1);
  return resource === "chat" || resource === "dashboard" ? resource : undefined;
}

function storedError({ code, message, retryable }: MilepostError): StoredError {
  return { code, message, retryable };
}
