import type { Client } from "@milepost/client";
import type { Level, Notification } from "@milepost/model";
import { latest } from "./latest.ts";
import type { Source } from "./use-selected.ts";

/** Times to show notifications without a `ttl_ms`, in milliseconds, by level. */
export type LevelTimes = Readonly<Record<Level, number>>;

/** Sign that somebody reads a notification: the pointer or the focus is on it. */
export type Reader = "pointer" | "focus";

interface Shown {
  readonly notification: Notification;
  /** Time on the monotonic clock at which the notification disappears. */
  readonly until: number;
}

const none: readonly Notification[] = [];

/**
 * Store with the notifications to show, oldest first. It reads the client's notifications while it has listeners, and
 * holds at most one timer.
 */
export class NotificationStore implements Source<readonly Notification[]> {
  readonly initial = none;
  readonly #client: Client;
  readonly #options: { readonly current: { readonly limit: number; readonly times: LevelTimes } };
  readonly #listeners = new Set<() => void>();
  #all: readonly Shown[] = [];
  #shown = none;
  readonly #readers = new Set<Reader>();
  #stop: (() => void) | undefined;
  #cancel: (() => void) | undefined;

  constructor(
    client: Client,
    options: { readonly current: { readonly limit: number; readonly times: LevelTimes } },
  ) {
    this.#client = client;
    this.#options = options;
  }

  /** Returns the notifications, never more than the limit of the latest render. */
  getSnapshot(): readonly Notification[] {
    if (this.#all.length > this.#options.current.limit) this.#keep(this.#all);
    return this.#shown;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#stop ??= this.#client.notifications.subscribe((notification) => this.#show(notification));
    this.#arm();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
      this.#cancel?.();
      this.#cancel = undefined;
    };
  }

  dismiss(id: string): void {
    this.#set(this.#all.filter(({ notification }) => notification.id !== id));
  }

  clear(): void {
    this.#set([]);
  }

  /**
   * Keeps all notifications while somebody reads them. They begin to disappear again when nobody reads them any more,
   * or when none is left.
   */
  read(by: Reader, reading: boolean): void {
    if (reading) this.#readers.add(by);
    else this.#readers.delete(by);
    this.#expire();
  }

  #show(notification: Notification): void {
    const { times } = this.#options.current;
    const until = this.#now() + (notification.ttl_ms ?? times[notification.level]);
    const others = this.#all.filter((one) => one.notification.id !== notification.id);
    this.#set([...others, { notification, until }]);
  }

  #expire(): void {
    const now = this.#now();
    if (this.#readers.size === 0) this.#set(this.#all.filter(({ until }) => until > now));
  }

  #set(all: readonly Shown[]): void {
    const before = this.#shown;
    this.#keep(all);
    if (this.#all.length === 0) this.#readers.clear();
    this.#arm();
    if (this.#shown !== before) for (const listener of this.#listeners) listener();
  }

  #keep(all: readonly Shown[]): void {
    const kept = latest(all, this.#options.current.limit);
    const isSame =
      kept.length === this.#all.length && kept.every((one, at) => one === this.#all[at]);
    this.#all = kept;
    if (!isSame) this.#shown = kept.map(({ notification }) => notification);
  }

  /** Sets the timer to the notification that disappears first. */
  #arm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const next = Math.min(...this.#all.map(({ until }) => until));
    if (this.#listeners.size === 0 || !Number.isFinite(next)) return;
    if (this.#readers.size > 0) return;
    const delayMs = Math.max(0, next - this.#now());
    this.#cancel = this.#client.clock.after(delayMs, () => this.#expire());
  }

  #now(): number {
    return this.#client.clock.monotonic();
  }
}
