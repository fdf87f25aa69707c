import { anyJson, anyText, ownChannels, quoted } from "./hostile-json.ts";
import type { Random } from "./random.ts";

type Field = (random: Random) => string;

const channel: Field = (random) => quoted(random.pick(ownChannels));
const text: Field = (random) => quoted(anyText(random));
const id: Field = (random) => String(random.below(1_000));
const position: Field = (random) =>
  quoted(random.pick(["e.1.t", "start", "abcdefghij.1.abcdefgh"]));
const methods = [
  "operations.get",
  "operations.list",
  "operations.command",
  "history.get",
  "channels.end",
  "presence.get",
  "presence.typing",
  "echo",
  "nothing",
  "__proto__",
  "constructor",
];
const params: Field = (random) =>
  random.chance(0.5)
    ? `{"channel":${channel(random)},"operation_id":"9","limit":${random.below(2_000)},"since":${position(random)}}`
    : anyJson(random);

/** Data that says in which channel it was published, so that a reader notices data of another channel. */
const markedData = (at: string, random: Random) => `{"at":${at},"x":${anyJson(random)}}`;

/** Every type of message with the fields of a valid one. `data` of a publish is made with its channel. */
const shapes: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  auth: { id, token: text, session: text },
  subscribe: { id, channel, since: position, events: () => '["e"]', presence: () => "true" },
  unsubscribe: { id, channel },
  publish: { id, channel, event: () => '"e"', key: text },
  request: { id, method: (random) => quoted(random.pick(methods)), params, key: text },
  cancel: { id },
  chunk: { stream: id, index: id, data: anyJson, last: () => "true", credit: id },
  ack: { id, channel, position },
  nack: { id, channel, position, reason: text },
  ping: { id },
  pong: { id },
  welcome: { id },
  nothing: {},
};
const types = Object.keys(shapes);
/** Fields that a subscribe has only now and then, because they cost memory that is kept. */
const rareFields: Readonly<Record<string, Field>> = {
  as: (random) => quoted(random.pick(["worker", "x", "__proto__", "a:b", ""])),
  summary_ms: (random) => random.pick(["100", "99", "60000", "-1", "1.5"]),
};

/**
 * Returns the text of one message. Most have the fields of their type; each field may be missing, hostile, of another
 * type, or there twice.
 */
export function anyMessage(random: Random): string {
  const type = random.pick(types);
  const shape = { ...shapes[type], ...(type === "subscribe" && random.chance(0.1) && rareFields) };
  const fields = [`"type":${random.chance(0.98) ? quoted(type) : anyJson(random)}`];
  let at = "";
  for (const [name, make] of Object.entries(shape)) {
    if (random.chance(0.1)) continue;
    const value = random.chance(0.12) ? anyJson(random) : make(random);
    if (name === "channel") at = value;
    fields.push(`${quoted(name)}:${value}`);
    if (random.chance(0.02)) fields.push(`${quoted(name)}:${anyJson(random)}`);
  }
  if (type === "publish") fields.push(`"data":${markedData(at === "" ? "null" : at, random)}`);
  if (random.chance(0.05)) fields.push(`"__proto__":${anyJson(random)}`);
  return `{${fields.join(",")}}`;
}

/** Returns the text of one frame: a message, several, or a damaged text. */
export function anyFrameText(random: Random): string {
  const messages = random.chance(0.9) ? 1 : random.below(20);
  const made = Array.from({ length: messages }, () => anyMessage(random));
  const frame = made.length === 1 ? (made[0] ?? "") : `[${made.join(",")}]`;
  return random.chance(0.08) ? damaged(unmarked(frame), random) : frame;
}

/** Returns the text without the marks that say in which channel data was published: damage would make them wrong. */
export function unmarked(frame: string): string {
  return frame.replaceAll('"at"', '"was"');
}

function damaged(frame: string, random: Random): string {
  const at = random.below(frame.length + 1);
  switch (random.below(5)) {
    case 0:
      return frame.slice(0, at);
    case 1:
      return frame.slice(0, at) + anyText(random) + frame.slice(at);
    case 2:
      return frame.slice(at);
    case 3:
      return `\ufeff${frame}`;
    default:
      return frame + frame;
  }
}
