import { definedFields, type MilepostError, type Since } from "@milepost/protocol";
import type { Backoff } from "../connection/backoff.ts";
import type { Call, Outcome } from "../request/call.ts";
import type { Cancel } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";
import type { SinceOption } from "./channel.ts";

/** Functions of the client that a shared subscription uses. */
export interface SubscriptionLink {
  readonly isUp: boolean;
  /** Sends a subscribe. `outcome` is called before any later message of the connection is handled. */
  subscribe(
    channel: string,
    since: SinceOption | undefined,
    wanted: {
      readonly events: readonly string[] | undefined;
      readonly presence: boolean;
      readonly summaryMs: number | undefined;
    },
    outcome: Outcome,
  ): void;
  unsubscribe(channel: string): void;
  /** Called when the channel has no subscribers left; an unsubscribe, if one was needed, has been sent. */
  idle(channel: string): void;
  /**
   * Runs `retry` after the wait that the error asks for or a random wait that grows with `failures`, whichever
   * is longer.
   */
  retryLater(error: MilepostError, failures: number, retry: () => void): Cancel;
}

/** Parts that a subscription link is built from. */
export interface SubscriptionLinkParts {
  readonly schedule: Schedule;
  readonly backoff: Backoff;
  readonly connection: { readonly isUp: boolean };
}

/** Returns a link that sends its messages with `call`, and forgets an idle channel with `idle`. */
export function subscriptionLink(
  { schedule, backoff, connection }: SubscriptionLinkParts,
  call: (message: Call, outcome: Outcome) => void,
  idle: SubscriptionLink["idle"],
): SubscriptionLink {
  return {
    get isUp() {
      return connection.isUp;
    },
    subscribe(channel, since, { events, presence, summaryMs }, outcome) {
      const wants = definedFields({
        // The client treats a position as opaque text; only the gateway parses it.
        since: since as Since | undefined,
        events,
        presence: presence || undefined,
        summary_ms: summaryMs,
      });
      try {
        call({ type: "subscribe", channel, ...wants }, outcome);
      } catch (error) {
        outcome.reject(error);
      }
    },
    unsubscribe(channel) {
      // The reply is ignored: the next subscribe states its own start.
      call({ type: "unsubscribe", channel }, { resolve() {}, reject() {} });
    },
    idle,
    retryLater: (error, failures, retry) =>
      schedule.after(Math.max(error.retryAfterMs ?? 0, backoff.delayMs(failures)), retry),
  };
}
