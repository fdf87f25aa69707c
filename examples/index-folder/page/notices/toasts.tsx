import "./toasts.css";
import type { Level, Notification } from "@milepost/model";
import { useNotifications } from "@milepost/react";
import type { Tone } from "../run/status-words.ts";

const tones = {
  info: "wait",
  success: "go",
  warning: "halt",
  error: "stop",
} as const satisfies Record<Level, Tone>;

const levelWords = {
  info: "Note",
  success: "Success",
  warning: "Warning",
  error: "Error",
} as const;

interface ToastProps {
  readonly notification: Notification;
  onDismiss(): void;
}

function Toast({ notification: { level, title, message }, onDismiss }: ToastProps) {
  return (
    <li className="toast" data-level={level} data-tone={tones[level]}>
      <p title={message}>
        <strong className="toast__title">{title ?? levelWords[level]}.</strong> {message}
      </p>
      <button type="button" className="toast__dismiss" onClick={onDismiss}>
        <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
          <path d="M2 2l8 8M10 2l-8 8" stroke="currentColor" strokeWidth="1.75" />
        </svg>
        <span className="unseen">Dismiss: {title ?? message}</span>
      </button>
    </li>
  );
}

/**
 * Notifications of the service, in the head of the page. Each one disappears when its time has passed, unless
 * somebody reads it, or when the user dismisses it.
 */
export function Toasts() {
  const { notifications, dismiss, whileRead } = useNotifications();
  return (
    <section className="toasts" aria-label="Notifications" aria-live="polite" {...whileRead}>
      <ul>
        {notifications.map((notification) => (
          <Toast
            key={notification.id}
            notification={notification}
            onDismiss={() => dismiss(notification.id)}
          />
        ))}
      </ul>
    </section>
  );
}
