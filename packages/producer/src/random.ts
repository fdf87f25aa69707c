import { randomBytes } from "node:crypto";

/** Source of random values. Tests inject a source that repeats its values. */
export interface Random {
  /** Returns a number from 0 up to but not including 1, for jitter. */
  fraction(): number;
  /** Returns a random id of `length` characters of `[A-Za-z0-9_-]`. In production the id cannot be guessed. */
  id(length: number): string;
}

/** Randomness of the runtime: `Math.random` for jitter, the operating system's random bytes for ids. */
export const systemRandom: Random = {
  fraction: Math.random,
  id: (length) => randomBytes(length).toString("base64url").slice(0, length),
};
