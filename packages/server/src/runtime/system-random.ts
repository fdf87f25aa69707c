import { randomBytes, randomInt } from "node:crypto";
import type { Random } from "@milepost/engine";

/** Randomness from the operating system; its ids cannot be guessed. */
export const systemRandom: Random = {
  fraction: () => randomInt(fractionSteps) / fractionSteps,
  id(length) {
    if (length > maxPooledLength) return newId(length);
    if (used + length > pool.length) {
      pool = newId(poolLength);
      used = 0;
    }
    used += length;
    return pool.slice(used - length, used);
  },
};

const fractionSteps = 2 ** 32;
// Each log entry needs a random tag. With the pool, one system call yields hundreds of tags.
const poolLength = 4_096;
const maxPooledLength = 256;
let pool = "";
let used = 0;

function newId(length: number): string {
  return randomBytes(Math.ceil((length * 3) / 4))
    .toString("base64url")
    .slice(0, length);
}
