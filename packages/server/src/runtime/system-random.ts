import { randomBytes, randomInt } from "node:crypto";
import type { Random } from "@milepost/engine";

/** Randomness of the operating system; its ids cannot be guessed. */
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
// Each entry of a log takes a tag: one call of the system for hundreds of them instead of one each.
const poolLength = 4_096;
const maxPooledLength = 256;
let pool = "";
let used = 0;

function newId(length: number): string {
  return randomBytes(Math.ceil((length * 3) / 4))
    .toString("base64url")
    .slice(0, length);
}
