import { type Notification, toNotification } from "@milepost/model";
import type { Notifications } from "../client.ts";
import { followIdentity, type IdentitySource } from "../connection/identity.ts";
import { Listeners } from "../runtime/listeners.ts";
import type { Reporter } from "../runtime/reporter.ts";
import type { ChannelHandlers, SubscribeOptions, Subscription } from "./channel.ts";

/** Parts of the client that the notification feed uses. */
export interface NotificationParts {
  readonly reporter: Reporter;
  readonly identity: IdentitySource;
  subscribe(name: string, handlers: ChannelHandlers, options: SubscribeOptions): Subscription;
}

/**
 * Maximum number of remembered notification ids. They detect a notification that arrives through both the
 * user's and the session's channel.
 */
const maxRemembered = 200;

/**
 * Notifications from the user's and the session's channel. The client subscribes to these channels while the
 * feed has listeners.
 */
export class NotificationFeed implements Notifications {
  readonly #parts: NotificationParts;
  readonly #listeners: Listeners<Notification>;
  readonly #seen = new Set<string>();
  #stop: (() => void) | undefined;

  constructor(parts: NotificationParts) {
    this.#parts = parts;
    this.#listeners = new Listeners(parts.reporter);
  }

  subscribe(listener: (notification: Notification) => void): () => void {
    const remove = this.#listeners.add(listener);
    this.#stop ??= followIdentity(this.#parts.identity, ({ user, session }) => {
      const subscriptions = [user, session].flatMap((channel) =>
        channel === undefined ? [] : [this.#subscribe(channel)],
      );
      return () => {
        for (const subscription of subscriptions) subscription.close();
      };
    });
    return () => {
      remove();
      if (this.#listeners.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  #subscribe(channel: string): Subscription {
    return this.#parts.subscribe(
      channel,
      {
        onEvent: ({ data, position }) => this.#take(toNotification(data, position)),
        onError: (error) => {
          // `cancelled` means that the application itself closed the client, so this error is not reported.
          if (error.code !== "cancelled") this.#parts.reporter.report(error);
        },
      },
      { events: ["notification"], since: "now" },
    );
  }

  #take(notification: Notification | undefined): void {
    if (notification === undefined || this.#seen.has(notification.id)) return;
    this.#seen.add(notification.id);
    const [oldest] = this.#seen;
    if (this.#seen.size > maxRemembered && oldest !== undefined) this.#seen.delete(oldest);
    this.#listeners.tell(notification);
  }
}
