import type { Mutant } from "./mutant.ts";
import { answerIn, isPublication, spoilFrames, type WireMessage } from "./spoil-frames.ts";

/** Drops some entries. */
const drop: Mutant = {
  name: "drop",
  breaks: "G4",
  tamper: (parts) =>
    spoilFrames(parts, {
      outbound: (messages) =>
        messages.filter((message) => !isPublication(message) || !parts.random.chance(0.03)),
    }),
};

/** Sends some entries twice. */
const duplicate: Mutant = {
  name: "duplicate",
  breaks: "G3",
  tamper: (parts) =>
    spoilFrames(parts, {
      outbound: (messages) =>
        messages.flatMap((message) =>
          isPublication(message) && parts.random.chance(0.03) ? [message, message] : [message],
        ),
    }),
};

/** Swaps some pairs of entries of one channel. */
const reorder: Mutant = {
  name: "reorder",
  breaks: "G1",
  // A subscriber that gets entries out of order first lacks one.
  shownAs: "G4",
  tamper: (parts) =>
    spoilFrames(parts, {
      outbound: (messages) => {
        const swapped = [...messages];
        for (let i = 1; i < swapped.length; i++) {
          const [a, b] = [swapped[i - 1], swapped[i]];
          if (a === undefined || b === undefined || a.channel !== b.channel) continue;
          if (!isPublication(a) || !isPublication(b) || !parts.random.chance(0.2)) continue;
          [swapped[i - 1], swapped[i]] = [b, a];
        }
        return swapped;
      },
    }),
};

/** Drops the first entry after a resume. */
const replayOffByOne: Mutant = {
  name: "replay off by one",
  breaks: "G4",
  tamper: (parts) => {
    const skips = new Set<unknown>();
    return spoilFrames(parts, {
      outbound: (messages) =>
        messages.filter((message) => {
          const answer = answerIn(message);
          if (answer?.recovered === true) skips.add(answer.channel);
          return !(isPublication(message) && skips.delete(message.channel));
        }),
    });
  },
};

/** Drops entries published while a subscription starts, and for 2 s after its answer. */
const noLiveBuffer: Mutant = {
  name: "no live buffer",
  breaks: "G5",
  // A subscriber that gets entries out of order first lacks one.
  shownAs: "G4",
  tamper: (parts) => {
    const deafUntil = new Map<unknown, number>();
    return spoilFrames(parts, {
      outbound: (messages) =>
        messages.filter((message) => {
          const now = parts.time.monotonic();
          const answer = answerIn(message);
          if (answer !== undefined) deafUntil.set(answer.channel, now + 2_000);
          return !isPublication(message) || (deafUntil.get(message.channel) ?? 0) <= now;
        }),
    });
  },
};

/** Drops gap messages. */
const silentGap: Mutant = {
  name: "silent gap",
  breaks: "G4",
  tamper: (parts) =>
    spoilFrames(parts, {
      outbound: (messages) => messages.filter(({ type }) => type !== "gap"),
    }),
};

/** Replaces the data of some entries. */
const otherData: Mutant = {
  name: "other data",
  breaks: "G1",
  tamper: (parts) =>
    spoilFrames(parts, {
      outbound: (messages) =>
        messages.map((message): WireMessage => {
          if (!isPublication(message) || !parts.random.chance(0.02)) return message;
          return { ...message, data: { n: -1 } };
        }),
    }),
};

export const deliveryMutants: readonly Mutant[] = [
  drop,
  duplicate,
  reorder,
  replayOffByOne,
  noLiveBuffer,
  silentGap,
  otherData,
];
