import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  encodeEvent,
  encodeServerMessage,
  joinFrame,
  maxMessagesPerFrame,
  splitFrame,
} from "./json-dialect.ts";
import { formatPosition } from "./position.ts";
import { anyPublication } from "./testing/any-publication.ts";

describe("a publication in milepost.v1.json", () => {
  it("[P-DIA-4] arrives with exactly what was published, any JSON value and any text", () => {
    fc.assert(
      fc.property(anyPublication, (publication) => {
        const { channel, source, position, event, json, ts } = publication;
        expect(JSON.parse(encodeEvent(publication))).toEqual({
          type: "event",
          channel,
          ...(source === undefined ? {} : { source }),
          position: formatPosition(position),
          event,
          data: JSON.parse(json),
          ts,
        });
      }),
    );
  });
});

describe("a publication to a durable subscriber", () => {
  it("[P-ACK-4] says from the second time on how often it was delivered", () => {
    const publication = {
      channel: "job:a",
      position: { epoch: "e", offset: 1, tag: "t" },
      event: "n",
      json: "1",
      ts: 5,
    };
    const attempts = [undefined, 1, 2, 7].map((attempt) => {
      const delivery = attempt === undefined ? publication : { ...publication, attempt };
      return JSON.parse(encodeEvent(delivery)).attempt;
    });
    expect(attempts).toEqual([undefined, undefined, 2, 7]);
  });
});

describe("a frame", () => {
  it("of one message is the message, of more an array of them", () => {
    fc.assert(
      fc.property(fc.array(anyPublication, { minLength: 1, maxLength: 5 }), (publications) => {
        const messages = publications.map(encodeEvent);
        const outcome = splitFrame(joinFrame(messages));
        expect(outcome).toEqual({ ok: true, value: messages.map((text) => JSON.parse(text)) });
        expect(joinFrame(messages).startsWith("[")).toBe(messages.length > 1);
      }),
    );
  });

  it("may hold 1,000 messages and no more", () => {
    const of = (count: number) => JSON.stringify(Array.from({ length: count }, () => ({})));
    expect(splitFrame(of(maxMessagesPerFrame)).ok).toBe(true);
    expect(splitFrame(of(maxMessagesPerFrame + 1))).toMatchObject({
      ok: false,
      failure: { code: "too_large" },
    });
  });

  it.each([
    ["[]", []],
    ["7", [7]],
    ["null", [null]],
    ["[1,[2]]", [1, [2]]],
  ])(
    "%s is taken apart; whether its parts are messages is for the reader to say",
    (text, parts) => {
      expect(splitFrame(text)).toEqual({ ok: true, value: parts });
    },
  );

  it("[P-MSG-1] that is not JSON is bad_json, one nested too deep too_deep", () => {
    expect(splitFrame("[")).toMatchObject({ ok: false, failure: { code: "bad_json" } });
    expect(splitFrame("[".repeat(65))).toMatchObject({ ok: false, failure: { code: "too_deep" } });
  });
});

describe("any other message", () => {
  it("is the JSON of itself, whatever text it carries", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (reason) => {
        const message = { type: "end", channel: "a", position: "e.1.t", reason } as const;
        expect(JSON.parse(encodeServerMessage(message))).toEqual(message);
      }),
    );
  });
});
