"use client";
import { type Level, type Notification, notificationTtlMs } from "@milepost/model";
import { useMemo, useRef } from "react";
import { NotificationStore } from "./notification-store.ts";
import { useClient } from "./provider.tsx";
import { useSelected } from "./use-selected.ts";

/** Options of {@link useNotifications}. */
export interface UseNotificationsOptions {
  /** Largest number of notifications shown at once; the oldest are dropped. Default: 5. */
  readonly limit?: number;
  /**
   * Times to show notifications without a `ttl_ms`, in milliseconds, by level. Default: 10 s, a warning 30 s, an error
   * 60 s. With `Infinity` such a notification stays until it is dismissed.
   */
  readonly ttlMs?: Partial<Readonly<Record<Level, number>>>;
}

/** Notifications to show, and functions to remove them. */
export interface ShownNotifications {
  /** Notifications to show, oldest first. */
  readonly notifications: readonly Notification[];
  dismiss(id: string): void;
  clear(): void;
  /**
   * Event handlers for the element around the notifications: none disappears while the pointer or the focus is in it.
   */
  readonly whileRead: {
    onPointerEnter(): void;
    onPointerLeave(): void;
    onFocus(): void;
    onBlur(): void;
  };
}

/**
 * Returns the notifications to show. Each disappears after its `ttl_ms`, or after the time of its level, or when it is
 * dismissed.
 */
export function useNotifications({
  limit = 5,
  ttlMs,
}: UseNotificationsOptions = {}): ShownNotifications {
  const client = useClient();
  const latest = useRef({ limit, times: { ...notificationTtlMs, ...ttlMs } });
  latest.current = { limit, times: { ...notificationTtlMs, ...ttlMs } };
  const shown = useMemo(() => new NotificationStore(client, latest), [client]);
  const notifications = useSelected(shown, (list) => list, shown.initial);
  return useMemo(
    () => ({
      notifications,
      dismiss: (id) => shown.dismiss(id),
      clear: () => shown.clear(),
      whileRead: {
        onPointerEnter: () => shown.read("pointer", true),
        onPointerLeave: () => shown.read("pointer", false),
        onFocus: () => shown.read("focus", true),
        onBlur: () => shown.read("focus", false),
      },
    }),
    [notifications, shown],
  );
}
