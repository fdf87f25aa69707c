import { encodeEvent, encodeShortEvent, numberMessage, shortReader } from "@milepost/protocol";

/** @typedef {import("@milepost/protocol").ChannelNumber} ChannelNumber */
/** @typedef {import("@milepost/protocol").Publication} Publication */

/** @type {ChannelNumber} */
const first = { number: 7, channel: "chat:42", epoch: "b3kV9a", ts: 1_767_225_600_000 };
/** @type {ChannelNumber} */
const other = { number: 12, channel: "state:*", epoch: "Lw0_-1", ts: 1_767_225_700_000 };

/** @type {Publication} */
const usual = {
  channel: "chat:42",
  position: { epoch: "b3kV9a", offset: 41, tag: "q7Zt" },
  event: "message",
  json: '{"text":"hello"}',
  ts: 1_767_225_600_250,
};
/** @type {Publication} */
const rare = {
  channel: "state:*",
  source: "state:a",
  position: { epoch: "Lw0_-1", offset: 9, tag: "t9" },
  since: { epoch: "Lw0_-1", offset: 6, tag: "t6" },
  event: "task_status",
  json: "[1,2]",
  ts: 1_767_225_699_000,
  sig: "c2ln",
  publisher: "user:7",
};

/** Returns frames of one connection in order, each with the messages that a client reads in it. */
export function shortFormVectors() {
  const anew = { ...usual, position: { epoch: "Zz90xy", offset: 1, tag: "a" } };
  const renewed = { ...first, epoch: "Zz90xy", ts: 1_767_225_800_000 };
  const end = { ...anew, event: "end", json: '{"reason":"over"}' };
  const frames = [
    JSON.stringify(numberMessage(first)),
    encodeShortEvent(usual, first),
    `[${JSON.stringify(numberMessage(other))},${encodeShortEvent(rare, other)}]`,
    `[${encodeShortEvent(usual, first)},${encodeShortEvent(rare, other)}]`,
    encodeEvent(anew),
    JSON.stringify(numberMessage(renewed)),
    encodeShortEvent(anew, renewed),
    encodeShortEvent(end, renewed),
    '{"type":"pong","id":1}',
  ];
  const read = shortReader();
  return {
    description:
      "Frames of one connection with the subprotocol milepost.v1.json.short, in order, and the messages that a client reads in each. Rules P-SHORT-1 to P-SHORT-6 of docs/protocol/dialects.md.",
    frames: frames.map((frame) => {
      const value = read(frame);
      return { frame, messages: Array.isArray(value) ? value : [value] };
    }),
  };
}
