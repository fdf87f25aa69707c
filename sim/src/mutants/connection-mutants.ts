import { channels } from "../plan.ts";
import type { Mutant } from "./mutant.ts";
import { spoilFrames } from "./spoil-frames.ts";

/** Treats a credential as valid for half a minute longer than it is. */
const lateExpiry: Mutant = {
  name: "late expiry",
  breaks: "G10",
  credential: ({ expiresAt, ...principal }) => ({
    ...principal,
    expiresAt: expiresAt === undefined ? undefined : expiresAt + 30_000,
  }),
};

/** Allows a credential every channel, including those it does not allow. */
const grantsIgnored: Mutant = {
  name: "grants ignored",
  breaks: "G10",
  credential: (principal) => ({
    ...principal,
    grants: { ...principal.grants, subscribe: channels },
  }),
};

/** Shows another operation's id in some of a feed's documents. */
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

/** Drops the documents that show an operation as done. */
const feedLeftBehind: Mutant = {
  name: "feed left behind",
  breaks: "G4",
  tamper: (parts) =>
    spoilFrames(parts, {
      outbound: (messages) =>
        messages.filter(({ type, status }) => type !== "progress_update" || status !== "done"),
    }),
};

/** Never closes a slow subscriber. */
const unboundedSendQueue: Mutant = {
  name: "unbounded send queue",
  breaks: "G7",
  limits: { maxSendQueueBytes: Number.MAX_SAFE_INTEGER },
};

/** Hides from a node that a connection has ended. */
const closeUnheard: Mutant = {
  name: "close unheard",
  breaks: "G8",
  attach: (events) => ({
    onText: (text) => events.onText(text),
    onBinary: (bytes, split) => events.onBinary(bytes, split),
    onUnsupportedFrame: () => events.onUnsupportedFrame(),
    onAlive: () => events.onAlive(),
    onControl: () => events.onControl(),
    onDrain: () => events.onDrain(),
    onClose: () => {},
  }),
};

export const connectionMutants: readonly Mutant[] = [
  lateExpiry,
  grantsIgnored,
  otherSession,
  feedLeftBehind,
  unboundedSendQueue,
  closeUnheard,
];
