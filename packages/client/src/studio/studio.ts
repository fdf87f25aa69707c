import {
  type Level,
  notificationTtlMs,
  type PersonalError,
  type PersonalGeneration,
  type PersonalNotification,
  type PersonalPreview,
  type PersonalQueue,
  type PersonalState,
  type PersonalSync,
} from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { reporterOf } from "../channel/channel-requests.ts";
import type { Client } from "../client.ts";
import type { ConnectionState } from "../connection/connection-state.ts";
import { followIdentity } from "../connection/identity.ts";
import { ChangeListeners } from "../runtime/listeners.ts";
import { ClearedItems, type PageStorage } from "./cleared-items.ts";
import { keyOf, type LevelTimes, PassingItems } from "./passing-items.ts";
import { PersonChannel } from "./person-channel.ts";

export type { PageStorage } from "./cleared-items.ts";

/** View that a page shows to the person in front of it. Parts that did not change stay the same objects. */
export interface StudioView {
  readonly queuePosition: PersonalQueue | null;
  readonly syncProgress: PersonalSync | null;
  readonly previewStatus: PersonalPreview | null;
  readonly generationProgress: PersonalGeneration | null;
  /** Notifications to show, oldest first. Each disappears after its time. */
  readonly notifications: readonly PersonalNotification[];
  /** Errors to show, oldest first, until they are cleared. */
  readonly errors: readonly PersonalError[];
}

/** Options of {@link openStudio}. */
export interface StudioOptions {
  /** Times to show notifications without a `ttl_ms`, in milliseconds: by default 5 s, a warning 30 s, an error 60 s. */
  readonly ttlMs?: Partial<Readonly<Record<Level, number>>> | undefined;
  /** Storage that remembers what the person has cleared; default none. */
  readonly storage?: PageStorage | undefined;
  /** Name in the storage; default `milepost:cleared`. */
  readonly storageName?: string;
  /** Text of the notification when the server shuts down; default English. */
  readonly shutdownText?: string;
}

/** Handle of the updates for one person. The client subscribes while the handle has listeners. */
export interface Studio {
  /** Current view; the same object until something changes. */
  readonly view: StudioView;
  getSnapshot(): StudioView;
  subscribe(listener: () => void): () => void;
  clearNotifications(): void;
  clearErrors(): void;
  /** Removes one notification or error. */
  dismiss(item: { readonly id: string; readonly at: number }): void;
  /** Keeps the notifications while somebody reads them. */
  hold(isHeld: boolean): void;
  /** Shows an error that the page itself has met. */
  report(error: unknown): void;
}

/** Parts of a client that a studio uses. */
export type StudioClient = Pick<Client, "channel" | "onState" | "state" | "connect" | "clock">;

const shortTimes: LevelTimes = { ...notificationTtlMs, info: 5_000, success: 5_000 };
/** Maximum number of errors and notifications of the page itself. */
const maxLocal = 10;

/** View before anything has arrived. */
export const emptyStudio: StudioView = {
  queuePosition: null,
  syncProgress: null,
  previewStatus: null,
  generationProgress: null,
  notifications: [],
  errors: [],
};

/**
 * Opens the updates for the person of the client's credential: user, session or guest, and those for everyone. After a
 * reload the view is complete at once, since the gateway keeps the state.
 */
export function openStudio(client: StudioClient, options: StudioOptions = {}): Studio {
  return new LiveStudio(client, options);
}

class LiveStudio implements Studio {
  readonly #client: StudioClient;
  readonly #listeners: ChangeListeners;
  readonly #cleared: ClearedItems;
  readonly #passing: PassingItems;
  readonly #shutdownText: string;
  #channels: readonly PersonChannel[] = [];
  #localErrors: readonly PersonalError[] = [];
  #localNotifications: readonly PersonalNotification[] = [];
  #view: StudioView | undefined = emptyStudio;

  constructor(client: StudioClient, options: StudioOptions) {
    this.#client = client;
    const { storage, storageName = "milepost:cleared", ttlMs } = options;
    this.#shutdownText =
      options.shutdownText ?? "The server is restarting. You will be reconnected.";
    this.#cleared = new ClearedItems(storage, storageName);
    const times = { ...shortTimes, ...ttlMs };
    this.#passing = new PassingItems(client.clock, times, () => this.#changed());
    this.#listeners = new ChangeListeners(reporterOf(client.channel("broadcast")), () =>
      this.#follow(),
    );
  }

  get view(): StudioView {
    this.#view ??= this.#refresh();
    return this.#view;
  }

  getSnapshot(): StudioView {
    return this.view;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  clearNotifications(): void {
    this.#clear(this.#all("notifications"));
  }

  clearErrors(): void {
    this.#clear(this.#all("errors"));
  }

  dismiss(item: { readonly id: string; readonly at: number }): void {
    this.#clear([item]);
  }

  hold(isHeld: boolean): void {
    this.#passing.hold(isHeld);
  }

  report(error: unknown): void {
    const cause = error instanceof Error ? error.cause : undefined;
    const known =
      [error, cause].find((one) => one instanceof MilepostError) ??
      new MilepostError("internal", error instanceof Error ? error.message : String(error));
    const { code, message, retryable } = known;
    const last = this.#localErrors.at(-1);
    // An error that repeats with every attempt to connect is one error.
    if (last?.code === code && last.message === message && !this.#cleared.has(keyOf(last))) return;
    const at = this.#client.clock.now();
    const shown = { id: `page ${code}`, code, message, retryable, at };
    this.#localErrors = [...this.#localErrors, shown].slice(-maxLocal);
    this.#changed();
  }

  #follow(): () => void {
    const unfollow = followIdentity(this.#client, ({ user, session }) => {
      const names = [user, session].filter((name) => name !== undefined);
      const opened = [...names, "broadcast"].map(
        (name) =>
          this.#channels.find((channel) => channel.name === name) ??
          new PersonChannel(this.#client.channel(name), name === "broadcast", {
            changed: () => this.#changed(),
            found: (notifications) => this.#passing.found(notifications),
          }),
      );
      this.#channels = opened;
      for (const channel of opened) channel.open((error) => this.#refused(error));
      this.#changed();
      return () => {
        for (const channel of opened) channel.close();
      };
    });
    const stop = this.#client.onState((state) => this.#onState(state));
    return () => {
      stop();
      unfollow();
      this.#passing.stop();
      this.#view = undefined;
    };
  }

  #refused(error: unknown): void {
    // The end of the connection, which is reported on its own, fails every subscription.
    if (this.#client.state.state !== "closed") this.report(error);
  }

  #onState(state: ConnectionState): void {
    if (state.state === "connected" && this.#localErrors.length > 0) {
      // They are errors of the connection, which works again.
      this.#localErrors = [];
      this.#changed();
    }
    const last = this.#localErrors.at(-1)?.message;
    const isKnown = last !== undefined && state.state === "closed" && state.reason.includes(last);
    if (state.state === "closed" && state.code !== 1000 && !isKnown) {
      this.report(new MilepostError("unavailable", `the connection has ended: ${state.reason}`));
    }
    if (state.state === "reconnecting" && state.reason === "server_shutting_down") {
      const at = this.#client.clock.now();
      const level = "info" as const;
      const message = this.#shutdownText;
      const shown = { id: "page shutdown", level, type: level, message, at };
      this.#localNotifications = [...this.#localNotifications, shown].slice(-maxLocal);
      this.#changed();
    }
  }

  #clear(items: readonly { readonly id: string; readonly at: number }[]): void {
    if (items.length === 0) return;
    this.#cleared.add(items.map(keyOf));
    this.#changed();
  }

  #all(kind: "notifications"): readonly PersonalNotification[];
  #all(kind: "errors"): readonly PersonalError[];
  #all(kind: "notifications" | "errors"): readonly { readonly id: string; readonly at: number }[] {
    const local = kind === "errors" ? this.#localErrors : this.#localNotifications;
    const seen = new Map<string, { readonly id: string; readonly at: number }>();
    for (const { state } of this.#channels) {
      // The same notification may be sent to the user and to the session.
      for (const item of state?.[kind] ?? []) seen.set(item.id, item);
    }
    return [...seen.values(), ...local].sort((a, b) => a.at - b.at);
  }

  #latest<Part extends "queue" | "sync" | "preview" | "generation">(
    part: Part,
  ): NonNullable<PersonalState[Part]> | null {
    let found: NonNullable<PersonalState[Part]> | null = null;
    for (const { state } of this.#channels) {
      const one = state?.[part];
      if (one != null && (found === null || one.at > found.at)) {
        found = one as NonNullable<PersonalState[Part]>;
      }
    }
    return found;
  }

  #refresh(): StudioView {
    const isShown = (item: { readonly id: string; readonly at: number }) =>
      !this.#cleared.has(keyOf(item));
    return {
      queuePosition: this.#latest("queue"),
      syncProgress: this.#latest("sync"),
      previewStatus: this.#latest("preview"),
      generationProgress: this.#latest("generation"),
      notifications: this.#passing.shown(this.#all("notifications").filter(isShown)),
      errors: this.#all("errors").filter(isShown),
    };
  }

  #changed(): void {
    this.#view = undefined;
    this.#listeners.changed();
  }
}
