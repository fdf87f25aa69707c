import { MilepostError } from "@milepost/protocol";
import type { Mutant } from "./mutant.ts";

/** A publish is answered as stored before it is, and sometimes it never is. */
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

/** Keys are not looked at. */
const keysForgotten: Mutant = {
  name: "keys forgotten",
  breaks: "G3",
  log: (log) => ({
    ...log,
    append: (channel, entry, policy) => log.append(channel, entry, { ...policy, dedupeMs: 0 }),
  }),
};

/** Now and then a publish waits, and those behind it do not. */
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

/** The state that a subscription starts from is an older one. */
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

/** What one reader was answered is given to others too who ask the same within 10 s: of a moment before they had asked. */
const answerTooOld: Mutant = {
  name: "answer too old",
  breaks: "G4",
  log: (log, { time }) => {
    const answers = new Map<string, Promise<unknown>>();
    const again = <T>(what: string, ask: () => Promise<T>): Promise<T> => {
      const known = answers.get(what) as Promise<T> | undefined;
      if (known !== undefined) return known;
      // What an operation does next is decided by reads as well: that is another fault.
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

/** The store's client takes every lease for the current one. */
const oldFence: Mutant = {
  name: "old fence accepted",
  breaks: "G9",
  leases: (leases) => ({
    ...leases,
    renew: async (name, token, ttlMs) =>
      (await leases.renew(name, token, ttlMs)) ?? (await leases.get(name)),
  }),
};

/** That a producer fell silent is never told. */
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
  oldFence,
  silenceUnseen,
];
