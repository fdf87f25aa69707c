"use client";
import type { Client } from "@milepost/client";
import type { Notification } from "@milepost/model";
import { useMemo } from "react";
import { latest } from "./latest.ts";
import { useClient } from "./provider.tsx";
import { type Source, useSelected } from "./use-selected.ts";

/** Options of {@link useNotifications}. */
export interface UseNotificationsOptions {
  /** Largest number of notifications shown at once; the oldest are dropped. Default: 5. */
  readonly limit?: number;
}

/** Notifications to show, and functions to remove them. */
export interface ShownNotifications {
  /** Notifications to show, oldest first. */
  readonly notifications: readonly Notification[];
  dismiss(id: string): void;
  clear(): void;
}

const none: readonly Notification[] = [];

/** Returns the notifications to show. Each disappears after its `ttl_ms`, or when it is dismissed. */
export function useNotifications({ limit = 5 }: UseNotificationsOptions = {}): ShownNotifications {
  const client = useClient();
  const shown = useMemo(() => new ShownStore(client, limit), [client, limit]);
  const notifications = useSelected(shown, (list) => list, none);
  return useMemo(
    () => ({ notifications, dismiss: (id) => shown.dismiss(id), clear: () => shown.clear() }),
    [notifications, shown],
  );
}

class ShownStore implements Source<readonly Notification[]> {
  readonly #client: Client;
  readonly #limit: number;
  readonly #listeners = new Set<() => void>();
  #shown = none;
  #stop: (() => void) | undefined;

  constructor(client: Client, limit: number) {
    this.#client = client;
    this.#limit = limit;
  }

  getSnapshot(): readonly Notification[] {
    return this.#shown;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#stop ??= this.#client.notifications.subscribe((notification) => this.#show(notification));
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  dismiss(id: string): void {
    if (this.#shown.some((one) => one.id === id)) {
      this.#set(this.#shown.filter((one) => one.id !== id));
    }
  }

  clear(): void {
    if (this.#shown.length > 0) this.#set(none);
  }

  #show(notification: Notification): void {
    const others = this.#shown.filter((one) => one.id !== notification.id);
    this.#set(latest([...others, notification], this.#limit));
    if (notification.ttl_ms === undefined) return;
    // A notification with the same id may have replaced this one and has its own time, so only this object is
    // removed.
    this.#client.clock.after(notification.ttl_ms, () => {
      if (this.#shown.includes(notification)) {
        this.#set(this.#shown.filter((one) => one !== notification));
      }
    });
  }

  #set(shown: readonly Notification[]): void {
    this.#shown = shown;
    for (const listener of this.#listeners) listener();
  }
}
