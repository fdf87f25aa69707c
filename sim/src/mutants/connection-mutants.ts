import { channels } from "../plan.ts";
import type { Mutant } from "./mutant.ts";
import { spoilFrames } from "./spoil-frames.ts";

/** A token lives half a minute longer than it should. */
const lateExpiry: Mutant = {
  name: "late expiry",
  breaks: "G10",
  credential: ({ expiresAt, ...principal }) => ({
    ...principal,
    expiresAt: expiresAt === undefined ? undefined : expiresAt + 30_000,
  }),
};

/** What a credential does not allow any more is served all the same. */
const grantsIgnored: Mutant = {
  name: "grants ignored",
  breaks: "G10",
  credential: (principal) => ({
    ...principal,
    grants: { ...principal.grants, subscribe: channels },
  }),
};

/** A feed is attached to whatever session its path names. */
const otherSession: Mutant = {
  name: "feed of others",
  breaks: "G10",
  tamper: (parts) =>
    spoilFrames(parts, {
      outbound: (messages) =>
        messages.map((message) =>
          message.type === "progress_update" && parts.random.chance(0.1)
            ? { ...message, transaction_id: "op-of-others" }
            : message,
        ),
    }),
};

/** The last that a feed should show of an operation is not shown. */
const feedLeftBehind: Mutant = {
  name: "feed left behind",
  breaks: "G4",
  tamper: (parts) =>
    spoilFrames(parts, {
      outbound: (messages) =>
        messages.filter(({ type, status }) => type !== "progress_update" || status !== "done"),
    }),
};

/** A slow reader is never closed. */
const unboundedOutbox: Mutant = {
  name: "unbounded outbox",
  breaks: "G7",
  limits: { maxOutboxBytes: Number.MAX_SAFE_INTEGER },
};

/** A node does not hear that a connection has ended. */
const closeUnheard: Mutant = {
  name: "close unheard",
  breaks: "G8",
  attach: (events) => ({
    onText: (text) => events.onText(text),
    onValues: (frame, length) => events.onValues(frame, length),
    onUnsupportedFrame: () => events.onUnsupportedFrame(),
    onAlive: () => events.onAlive(),
    onDrain: () => events.onDrain(),
    onClose: () => {},
  }),
};

export const connectionMutants: readonly Mutant[] = [
  lateExpiry,
  grantsIgnored,
  otherSession,
  feedLeftBehind,
  unboundedOutbox,
  closeUnheard,
];
