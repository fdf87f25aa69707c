import { randomBytes } from "node:crypto";

/** Randomness, injected so that a test can replay it. */
export interface Random {
  /** A fraction from 0 up to but not including 1; for jitter. */
  fraction(): number;
  /** `length` characters of `[A-Za-z0-9_-]`, unguessable in production. */
  id(length: number): string;
}

/** The randomness of the operating system. */
export const systemRandom: Random = {
  fraction: Math.random,
  id: (length) => randomBytes(length).toString("base64url").slice(0, length),
};
