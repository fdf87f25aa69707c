import { MilepostError } from "@milepost/protocol";
import type { Mutant } from "./mutant.ts";

/** Answers some publishes as stored before they are; half of those are never stored. */
const ackBeforeStore: Mutant = {
  name: "ack before store",
  breaks: "G2",
  log: (log, { random, time }) => ({
    ...log,
    append: async (channel, entry, policy) => {
      if (!random.chance(0.2)) return log.append(channel, entry, policy);
      const { head } = await log.read(channel, 0, 1, policy);
      const { epoch, offset } = head;
      const stores = random.chance(0.5);
      if (stores) log.append(channel, entry, policy).catch(() => {});
      const position = { epoch, offset: offset + 1, tag: random.id(8) };
      const { event, json } = entry;
      const publication = { channel, position, event, json, ts: time.now() };
      return { publication, duplicate: false };
    },
  }),
};

/** Ignores the keys of publishes. */
const keysForgotten: Mutant = {
  name: "keys forgotten",
  breaks: "G3",
  log: (log) => ({
    ...log,
    append: (channel, entry, policy) => log.append(channel, entry, { ...policy, dedupeMs: 0 }),
  }),
};

/** Delays some publishes, so that later ones overtake them. */
const overtaking: Mutant = {
  name: "overtaking",
  breaks: "G1",
  log: (log, { random, time }) => ({
    ...log,
    append: async (channel, entry, policy) => {
      if (random.chance(0.3)) await new Promise<void>((resolve) => time.after(5, resolve));
      return log.append(channel, entry, policy);
    },
  }),
};

/** Starts every subscription from the first state that was read of the channel. */
const staleState: Mutant = {
  name: "stale state",
  breaks: "G4",
  log: (log) => {
    const first = new Map<string, unknown>();
    return {
      ...log,
      snapshot: async (channel, policy) => {
        const found = await log.snapshot(channel, policy);
        if (found.snapshot === undefined || found.snapshot.state === null) return found;
        if (!first.has(channel)) first.set(channel, found.snapshot.state);
        return { ...found, snapshot: { ...found.snapshot, state: first.get(channel) } };
      },
    };
  },
};

/**
 * Gives one reader's answer to others that ask the same within 10 s, although it is older than their requests.
 */
const answerTooOld: Mutant = {
  name: "answer too old",
  breaks: "G4",
  log: (log, { time }) => {
    const answers = new Map<string, Promise<unknown>>();
    const again = <T>(what: string, ask: () => Promise<T>): Promise<T> => {
      const known = answers.get(what) as Promise<T> | undefined;
      if (known !== undefined) return known;
      // Reads also decide what an operation does next; a wrong answer there would be another defect.
      if (what.startsWith("operation:")) return ask();
      const answer = ask();
      answers.set(what, answer);
      time.after(10_000, () => answers.delete(what));
      return answer;
    };
    return {
      ...log,
      read: (channel, after, limit, policy) =>
        again(`${channel} ${after} ${limit}`, () => log.read(channel, after, limit, policy)),
      snapshot: (channel, policy) => again(channel, () => log.snapshot(channel, policy)),
    };
  },
};

/** Stores announcements of operations where nobody reads them. */
const announcementsLost: Mutant = {
  name: "announcements lost",
  breaks: "G4",
  log: (log) => ({
    ...log,
    append: (channel, entry, policy) =>
      log.append(channel === "gateway:operations" ? "gateway:nowhere" : channel, entry, policy),
  }),
};

/** Accepts every lease as the current one. */
const oldFence: Mutant = {
  name: "old fence accepted",
  breaks: "G9",
  leases: (leases) => ({
    ...leases,
    renew: async (name, token, ttlMs) =>
      (await leases.renew(name, token, ttlMs)) ?? (await leases.get(name)),
  }),
};

/** Never reports that a producer fell silent. */
const silenceUnseen: Mutant = {
  name: "silence unseen",
  breaks: "G9",
  log: (log) => ({
    ...log,
    append: async (channel, entry, policy) => {
      if (entry.event === "stalled") throw new MilepostError("not_possible_now", "never mind");
      return log.append(channel, entry, policy);
    },
  }),
};

export const storeMutants: readonly Mutant[] = [
  ackBeforeStore,
  keysForgotten,
  overtaking,
  staleState,
  answerTooOld,
  announcementsLost,
  oldFence,
  silenceUnseen,
];
