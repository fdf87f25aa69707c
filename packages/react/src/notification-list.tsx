"use client";
import type { ReactNode } from "react";
import type { PanelTexts } from "./panel-texts.ts";
import { useNotifications } from "./use-notifications.ts";

/**
 * Shows the notifications of the user and the session. Each disappears when its time has passed, unless somebody
 * reads it, or when it is dismissed.
 */
export function NotificationList({ texts }: { readonly texts: PanelTexts }): ReactNode {
  const { notifications, dismiss, whileRead } = useNotifications({ limit: 3 });
  return (
    <ul
      className="mp-notifications"
      aria-label={texts.notifications}
      aria-live="polite"
      {...whileRead}
    >
      {notifications.map(({ id, level, title, message }) => (
        <li key={id} className="mp-notification" data-level={level}>
          <span>
            {title !== undefined && <strong>{title} </strong>}
            {message}
          </span>
          <button
            type="button"
            className="mp-button mp-small"
            aria-label={texts.dismiss(title ?? message)}
            onClick={() => dismiss(id)}
          >
            ×
          </button>
        </li>
      ))}
    </ul>
  );
}
