import type { ChannelHandlers } from "../channel/channel.ts";

/** Receives the `ts` of an entry that has just arrived, and the time since which its subscription is live. */
export type OnArrival = (ts: number, liveSince: number) => void;

/**
 * Returns handlers that call `onArrival` before each event of a live subscription, and then those that were given.
 *
 * `liveSince` is the time of the monotonic clock at which the subscription became live, for the first time or again. What was
 * appended earlier is caught up, and its age says nothing about the way.
 */
export function measuredHandlers(
  handlers: ChannelHandlers,
  monotonic: () => number,
  onArrival: OnArrival,
): Required<ChannelHandlers> {
  let liveSince: number | undefined;
  return {
    onEvent(event) {
      if (liveSince !== undefined) onArrival(event.ts, liveSince);
      handlers.onEvent?.(event);
    },
    onState(state) {
      liveSince = state === "live" ? monotonic() : undefined;
      handlers.onState?.(state);
    },
    onSnapshot: (snapshot) => handlers.onSnapshot?.(snapshot),
    onGap: (gap) => handlers.onGap?.(gap),
    onReset: (reset) => handlers.onReset?.(reset),
    onEnd: (end) => handlers.onEnd?.(end),
    onError: (error) => handlers.onError?.(error),
    onPresence: (news) => handlers.onPresence?.(news),
  };
}
