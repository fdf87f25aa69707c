import type { Channel, ChannelItem, Client, Subscription } from "@milepost/client";
import { MilepostError } from "@milepost/protocol";
import type { ChannelView, UseChannelOptions } from "./channel-view.ts";
import { latest } from "./latest.ts";
import { openOrError } from "./still-source.ts";
import type { Source } from "./use-selected.ts";

const defaultLimit = 200;

/**
 * Store with the view of one channel for a component. It subscribes to the channel while the store has
 * listeners. A store with an invalid name has a view with the error, and one without a name stays at the start.
 */
export class ChannelStore<Events, State> implements Source<ChannelView<Events, State>> {
  readonly initial: ChannelView<Events, State>;
  #view: ChannelView<Events, State>;
  #subscription: Subscription | undefined;
  /** Summary period that the subscription was made with. */
  #summaryMs: number | undefined;
  #unfollow: (() => void) | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #client: Client;
  readonly #channel: Channel<Events> | undefined;
  readonly #options: { readonly current: UseChannelOptions<Events, State> };

  constructor(
    client: Client,
    name: string | null | undefined,
    options: { readonly current: UseChannelOptions<Events, State> },
  ) {
    // The caller's type arguments take the place of the channel's types in the contract.
    const open = (known: string) => client.channel(known) as unknown as Channel<Events>;
    const opened = name === undefined || name === null ? undefined : openOrError(() => open(name));
    const error = opened instanceof MilepostError ? opened : undefined;
    this.initial = {
      status: error === undefined ? "starting" : "failed",
      events: [],
      state: undefined,
      snapshot: undefined,
      gap: undefined,
      end: undefined,
      error,
    };
    this.#view = this.initial;
    this.#options = options;
    this.#client = client;
    this.#channel = opened instanceof MilepostError ? undefined : opened;
  }

  /** Returns the view. It never holds more events than the limit of the latest render. */
  getSnapshot(): ChannelView<Events, State> {
    const { limit = defaultLimit } = this.#options.current;
    const events = latest(this.#view.events, limit);
    if (events.length < this.#view.events.length) this.#view = { ...this.#view, events };
    return this.#view;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) {
      this.#start();
      // A closed client fails its subscriptions, so they start again when it connects again.
      this.#unfollow = this.#client.onState((state) => {
        const again = state.state === "connecting" && state.attempt === 1;
        if (again && this.#subscription?.state === "failed") this.#start();
      });
    }
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#stop();
    };
  }

  /**
   * Subscribes again, after the last position, when the summary period of the latest render is another one. What
   * the view holds stays.
   */
  renew(): void {
    const isOpen = this.#subscription?.state !== "failed" && this.#subscription?.state !== "ended";
    if (this.#listeners.size === 0 || this.#summaryMs === this.#options.current.summaryMs) return;
    if (!isOpen) return;
    this.#subscription?.close();
    this.#start();
  }

  #start(): void {
    const { events, summaryMs } = this.#options.current;
    this.#summaryMs = summaryMs;
    // When React mounts the hook again (StrictMode, a hidden tree), the subscription continues where it
    // stopped.
    const since = this.#subscription?.position ?? this.#options.current.since;
    this.#subscription = this.#channel?.subscribe(
      {
        onEvent: (event) => this.#take({ type: "event", ...event }),
        onSnapshot: (snapshot) => this.#take({ type: "snapshot", ...snapshot }),
        onGap: (gap) => this.#take({ type: "gap", ...gap }),
        onReset: (reset) => this.#take({ type: "reset", ...reset }),
        onState: (status) =>
          this.#set(status === "live" ? { status, error: undefined } : { status }),
        onEnd: (end) => this.#set({ end }),
        onError: (error) => this.#set({ error }),
      },
      {
        ...(since !== undefined && { since }),
        ...(events !== undefined && { events }),
        ...(summaryMs !== undefined && { summaryMs }),
      },
    );
  }

  #stop(): void {
    this.#unfollow?.();
    this.#subscription?.close();
  }

  #take(item: ChannelItem<Events>): void {
    const { reduce, limit = defaultLimit } = this.#options.current;
    const view = this.#view;
    const change: Partial<ChannelView<Events, State>> = {};
    switch (item.type) {
      case "event":
        Object.assign(change, { events: latest([...view.events, item], limit) });
        break;
      case "snapshot":
        Object.assign(change, { snapshot: item.snapshot });
        break;
      case "reset":
        Object.assign(change, { snapshot: item.snapshot, events: [] });
        break;
      case "gap":
        Object.assign(change, { gap: item });
        break;
    }
    this.#set(reduce === undefined ? change : { ...change, state: reduce(view.state, item) });
  }

  #set(change: Partial<ChannelView<Events, State>>): void {
    this.#view = { ...this.#view, ...change };
    for (const listener of this.#listeners) listener();
  }
}
