import { describe, expect, it } from "vitest";
import { chooseSubprotocol } from "./choose-subprotocol.ts";
import { encodeEvent, joinFrame } from "./json-dialect.ts";
import { decodeMsgpack } from "./msgpack-decode.ts";
import type { Publication } from "./publication.ts";
import { shortReader } from "./read-short.ts";
import {
  type ChannelNumber,
  encodeShortEvent,
  encodeShortMsgpackEvent,
  numberMessage,
} from "./short-form.ts";

const known: ChannelNumber = { number: 7, channel: "chat:42", epoch: "b3kV9a", ts: 1_700_000_000 };
const usual: Publication = {
  channel: "chat:42",
  position: { epoch: "b3kV9a", offset: 41, tag: "q7Zt" },
  event: "message",
  json: '{"n":1.0,"t":"ä"}',
  ts: 1_700_000_250,
};
const since = { epoch: "Other", offset: 3, tag: "s" };
const publications: Readonly<Record<string, Publication>> = {
  "a usual event": usual,
  "an event older than the number": { ...usual, ts: 1_699_999_999 },
  "an event with every rare field": {
    ...usual,
    source: "chat:9",
    since,
    attempt: 3,
    sig: "s.i.g",
    publisher: "user:7",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  },
  "an event of a trace": {
    ...usual,
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  },
  "a first delivery": { ...usual, attempt: 1 },
  "an event of another epoch": { ...usual, position: { ...usual.position, epoch: "Zz" } },
  "the end of the log": { ...usual, event: "end", json: '{"reason":"over"}' },
  "data that is a list": { ...usual, json: '[1,[2],"x"]' },
  "data that is null": { ...usual, json: "null" },
};

function reader() {
  const read = shortReader();
  read(numberMessage(known));
  return read;
}

describe("the short form", () => {
  it("[P-SHORT-1] a usual event is a list of number, rest of the position, event, data and time since the number's", () => {
    expect(encodeShortEvent(usual, known)).toBe('[7,"41.q7Zt","message",{"n":1.0,"t":"ä"},250]');
    expect(encodeShortEvent({ ...usual, since, publisher: "user:7" }, known)).toBe(
      '[7,"41.q7Zt","message",{"n":1.0,"t":"ä"},250,{"since":"Other.3.s","publisher":"user:7"}]',
    );
  });

  it.each(Object.entries(publications))(
    "[P-SHORT-3] [P-SHORT-4] %s reads in the short form as it does in the long form, in JSON and msgpack",
    (_, publication) => {
      const long: unknown = JSON.parse(encodeEvent(publication));
      expect(reader()(encodeShortEvent(publication, known))).toEqual(long);
      const packed = decodeMsgpack(encodeShortMsgpackEvent(publication, known));
      expect(packed.ok && reader()(packed.value)).toEqual(long);
    },
  );

  it("[P-SHORT-4] an event of another epoch and the end of a log keep the long form", () => {
    for (const name of ["an event of another epoch", "the end of the log"]) {
      const publication = publications[name] ?? usual;
      expect(encodeShortEvent(publication, known)).toBe(encodeEvent(publication));
    }
  });

  it("[P-SHORT-5] a frame that is a list is one event if it begins with a number, and several messages otherwise", () => {
    const all = Object.values(publications);
    const frame = joinFrame(all.map((publication) => encodeShortEvent(publication, known)));
    expect(reader()(frame)).toEqual(all.map((entry) => JSON.parse(encodeEvent(entry))));
    const one = joinFrame([encodeShortEvent(usual, known)]);
    expect(reader()(one)).toEqual(JSON.parse(encodeEvent(usual)));
  });

  it("[P-SHORT-2] a number means what the latest message about it said, from that message on", () => {
    const read = reader();
    const next = { ...known, channel: "chat:9", epoch: "Zz", ts: 1 };
    const frame = JSON.stringify([
      JSON.parse(encodeShortEvent(usual, known)),
      numberMessage(next),
      [7, "1.a", "n", 1, 2],
    ]);
    expect(read(frame)).toMatchObject([
      { channel: "chat:42", position: "b3kV9a.41.q7Zt" },
      { type: "number" },
      { type: "event", channel: "chat:9", position: "Zz.1.a", event: "n", data: 1, ts: 3 },
    ]);
  });

  it("[P-SHORT-2] an event with a number that was not told is no message, and any other garbage stays as it is", () => {
    const read = shortReader();
    expect(read('[1,"1.a","n",1,2]')).toBeUndefined();
    expect(read('[[1,"1.a","n",1,2],{"type":"pong"}]')).toEqual([undefined, { type: "pong" }]);
    expect(read("{no json")).toBe("{no json");
    for (const garbage of [null, 7, "x", [], [null, 3], { type: "number" }, [[]]]) {
      expect(() => read(JSON.stringify(garbage))).not.toThrow();
    }
    expect(({} as Record<string, unknown>).number).toBeUndefined();
  });

  it("[P-SHORT-6] a client selects the short form by a subprotocol, and offers the long form for other gateways", () => {
    for (const name of ["milepost.v1.json", "milepost.v1.msgpack"] as const) {
      const short = `${name}.short`;
      const select = (offered: readonly string[]) => chooseSubprotocol(offered);
      expect(select([short, name])).toMatchObject({ dialect: name, select: short, isShort: true });
      expect(select([name, short])).toEqual({ dialect: name, select: name, token: undefined });
    }
    expect(chooseSubprotocol(["plain.short"])).toMatchObject({ dialect: undefined });
  });
});
