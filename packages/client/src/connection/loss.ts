import { type CloseVerdict, closeNames, closeVerdict } from "@milepost/protocol";
import type { CloseDetails } from "../transport/transport.ts";
import type { ConnectionEvent } from "./connection-state.ts";
import { ticketMark } from "./token.ts";

/** Reason for the loss or close of a connection. */
export interface Loss extends CloseDetails {
  readonly code: number;
  readonly reason: string;
  /** Explanation for a person; becomes the reason in the client's `closed` state. */
  readonly message?: string;
}

/** Loss of a connection that broke without a reason. */
export const noLoss: Loss = { code: 1006, reason: "lost" };

/** Returns the loss that a close of the transport stands for. */
export function lossOf(code: number, says: string, details: CloseDetails): Loss {
  const reason = Object.hasOwn(closeNames, code)
    ? closeNames[code as keyof typeof closeNames]
    : "lost";
  return { code, reason, message: says || reason, ...details };
}

/** Returns the event that a loss is for the connection, by the verdict of its close code. */
export function eventOf({ code, token }: Loss, wasConnected: boolean): ConnectionEvent {
  // The gateway got no credential although one was sent, so the transport has swallowed it.
  if (code === 4408 && token !== undefined && !wasConnected) return "lost";
  // A ticket may have become too old on its way; the next one need not.
  if (code === 4401 && token?.startsWith(ticketMark)) return "expired";
  return eventOfVerdict[closeVerdict(code)];
}

const eventOfVerdict = {
  resume: "lost",
  later: "lost",
  reauthenticate: "expired",
  stop: "refused",
} as const satisfies Record<CloseVerdict, ConnectionEvent>;
