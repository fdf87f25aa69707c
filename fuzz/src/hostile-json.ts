import type { Random } from "./random.ts";

/** Channels that the attackers may read and write. */
export const ownChannels = ["fuzz:a", "fuzz:b", "fuzz:c:d", "fuzz:e"];

const longName = "x".repeat(10_000);

/** Texts that have broken parsers, patterns, logs or keys before. */
const texts: readonly string[] = [
  "",
  "a",
  "*",
  "fuzz:*",
  "fuzz:?",
  "fuzz:[a-z]",
  "fuzz:{a}",
  "fuzz:a\\",
  "fuzz:a\r\nPUBLISH victim:v x",
  "fuzz:a\n",
  "fuzz:a\u0000",
  "fuzz:a\u0000:victim:v",
  "victim:v",
  "VICTIM:V",
  "victim:v ",
  " victim:v",
  "victim::v",
  "victim:v:",
  "fuzz:../victim:v",
  "fuzz:%2e%2e",
  "operation:9",
  "gateway:operations",
  "user:victim",
  "session:victim",
  "__proto__",
  "__proto__:x",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "\u2028",
  "\u202e",
  "\ud800",
  "\udc00x",
  "\u001b[2J",
  "é",
  "😀",
  "{{7*7}}",
  "'; DROP TABLE x; --",
  "start",
  "now",
  "e.1.t",
  "e.99999999999999999999.t",
  "e.-1.t",
  "welcome",
  "message",
  longName,
  `fuzz:${longName}`,
];

const numbers = [
  "0",
  "-0",
  "1",
  "-1",
  "1.5",
  "1e400",
  "-1e400",
  "1e-400",
  "9007199254740993",
  "18446744073709551616",
  "4294967296",
  "1E5",
  "0.1e1",
];

const keys = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "valueOf",
  "toJSON",
  "length",
  "type",
  "id",
  "data",
  "a",
  "",
  "at",
];

export function anyText(random: Random): string {
  return random.pick(texts);
}

/** Returns the JSON text of a string. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

/** Returns the JSON text of any value, mostly a small one. Objects may name a key twice. */
export function anyJson(random: Random, depth = 0): string {
  switch (random.below(depth > 4 ? 5 : 8)) {
    case 0:
      return random.pick(["null", "true", "false"]);
    case 1:
    case 2:
      return random.pick(numbers);
    case 3:
    case 4:
      return quoted(anyText(random));
    case 5:
      return `[${several(random, depth)}]`;
    case 6:
      return object(random, depth);
    default:
      return random.chance(0.1) ? nested(random) : object(random, depth);
  }
}

function several(random: Random, depth: number): string {
  return Array.from({ length: random.below(4) }, () => anyJson(random, depth + 1)).join(",");
}

function object(random: Random, depth: number): string {
  const fields = Array.from(
    { length: random.below(4) },
    () =>
      `${quoted(random.chance(0.01) ? longName : random.pick(keys))}:${anyJson(random, depth + 1)}`,
  );
  if (fields.length > 0 && random.chance(0.2)) fields.push(random.pick(fields));
  return `{${fields.join(",")}}`;
}

function nested(random: Random): string {
  const depth = random.pick([60, 64, 65, 200, 5_000]);
  const [open, close] = random.pick([
    ["[", "]"],
    ['{"a":', "}"],
  ] as const);
  const inner = random.chance(0.8) ? `1${close.repeat(depth)}` : "";
  return open.repeat(depth) + inner;
}
