import { parsePosition } from "@milepost/protocol";
import type { DoorParts, Mutant } from "./mutant.ts";
import { answerIn, spoilFrames, type WireMessage } from "./spoil-frames.ts";

/** Returns a mutant whose service resumes from a position without checking its epoch or its tag. */
function trusting(name: string, what: "epoch" | "tag"): Mutant {
  return {
    name,
    breaks: "G4",
    tamper: (parts) => {
      /**
       * Positions from which clients really asked to resume, by channel, for requests whose position was
       * replaced.
       */
      const held = new Map<unknown, string>();
      return spoilFrames(parts, {
        inbound: (message) => {
          const read = parsePosition(message.since);
          if (message.type !== "subscribe" || !read.ok) return message;
          const current = parts.store.placeAt(String(message.channel), read.value.offset);
          if (current === undefined) return message;
          const sameEpoch = current.epoch === read.value.epoch;
          const ignored =
            what === "epoch" ? !sameEpoch : sameEpoch && current.tag !== read.value.tag;
          if (!ignored) return message;
          held.set(message.channel, String(message.since));
          return { ...message, since: `${current.epoch}.${current.offset}.${current.tag}` };
        },
        outbound: (messages) => messages.map((message) => restored(message, held)),
      });
    },
  };
}

/** Puts the position that the client asked from back into the answer. */
function restored(message: WireMessage, held: Map<unknown, string>): WireMessage {
  const answer = answerIn(message);
  const position = answer === undefined ? undefined : held.get(answer.channel);
  if (answer === undefined || position === undefined) return message;
  held.delete(answer.channel);
  if (answer.recovered !== true) return message;
  if (message.type === "subscribed") return { ...message, position };
  return { ...message, result: { ...answer, position } };
}

/** Answers some resuming subscribes as recovered without subscribing. */
const lostResubscribe: Mutant = {
  name: "lost resubscribe",
  breaks: "G4",
  tamper: (parts: DoorParts) => {
    const forged: WireMessage[] = [];
    const forging = new Set<unknown>();
    return spoilFrames(parts, {
      inbound: (message) => {
        const { type, id, channel, since } = message;
        const isResume = type === "subscribe" && parsePosition(since).ok;
        if (!isResume || !parts.random.chance(0.5)) return message;
        const result = { channel, position: since, recovered: true };
        forged.push({ type: "reply", id, result });
        forging.add(id);
        // The forged reply replaces the answer to this ping.
        return { type: "ping", id };
      },
      outbound: (messages) =>
        messages.flatMap((message) => {
          if (message.type !== "pong" || !forging.delete(message.id)) return [message];
          return forged.splice(
            forged.findIndex(({ id }) => id === message.id),
            1,
          );
        }),
    });
  },
};

export const resumeMutants: readonly Mutant[] = [
  trusting("epoch ignored", "epoch"),
  trusting("tag ignored", "tag"),
  lostResubscribe,
];
