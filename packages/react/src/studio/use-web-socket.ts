"use client";
import type {
  PersonalError,
  PersonalGeneration,
  PersonalNotification,
  PersonalPreview,
  PersonalQueue,
  PersonalSync,
} from "@milepost/model";
import { useEffect, useMemo, useRef } from "react";
import { useSelected } from "../use-selected.ts";
import { remember } from "./panel-controls.ts";
import { connectionFor, idleSnapshot, type UseWebSocketOptions } from "./studio-connection.ts";

/** Result of {@link useWebSocket}: the connection's state, and what the backend has published for the visitor. */
export interface StudioWebSocket {
  readonly connected: boolean;
  /** Position in the queue; null while the visitor waits in none. */
  readonly queuePosition: PersonalQueue | null;
  readonly syncProgress: PersonalSync | null;
  readonly previewStatus: PersonalPreview | null;
  readonly generationProgress: PersonalGeneration | null;
  /** Notifications to show, oldest first. Each disappears after its time. */
  readonly notifications: readonly PersonalNotification[];
  /** Errors to show, oldest first, until they are cleared. */
  readonly errors: readonly PersonalError[];
  readonly clearNotifications: () => void;
  readonly clearErrors: () => void;
}

/** A notification of the hook. */
export type WebSocketNotification = PersonalNotification;
/** An error of the hook. */
export type WebSocketError = PersonalError;

/**
 * Connects the page and returns what was published for its visitor, live. After a reload everything is there again,
 * except what has been cleared.
 *
 * Components with the same `url`, `userId` and `token` share one connection. Another `url`, `userId` or `token` of type text makes another connection. Other options are those of the first
 * render. Nothing connects while rendering on a server.
 */
export function useWebSocket(options: UseWebSocketOptions = {}): StudioWebSocket {
  const { url, userId, token, autoConnect = true } = options;
  const first = useRef(options);
  first.current = options;
  const fixed = typeof token === "string" ? token : undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: these decide who connects where
  const connection = useMemo(() => {
    const source = first.current.token;
    // A function may be another one with each render; the latest is asked.
    const latest =
      typeof source === "function"
        ? { token: () => (typeof first.current.token === "function" ? first.current.token() : "") }
        : {};
    return connectionFor({ ...first.current, ...latest });
  }, [url, userId, fixed]);
  useEffect(() => {
    if (autoConnect) return connection.open();
    return undefined;
  }, [connection, autoConnect]);
  const { state, view } = useSelected(connection, (snapshot) => snapshot, idleSnapshot);
  return useMemo(() => {
    const websocket: StudioWebSocket = {
      connected: state.state === "connected",
      ...view,
      clearNotifications: () => connection.studio?.clearNotifications(),
      clearErrors: () => connection.studio?.clearErrors(),
    };
    remember(websocket, {
      state,
      retryNow: () => connection.retryNow(),
      dismiss: (item) => connection.studio?.dismiss(item),
      hold: (isHeld) => connection.studio?.hold(isHeld),
    });
    return websocket;
  }, [connection, state, view]);
}
