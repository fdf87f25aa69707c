import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  encodeEvent,
  encodeServerMessage,
  joinFrame,
  maxMessagesPerFrame,
  splitFrame,
} from "./json-dialect.ts";
import { JsonText } from "./json-text.ts";
import { formatPosition } from "./position.ts";
import { anyPublication } from "./testing/any-publication.ts";

describe("publications in milepost.v1.json", () => {
  it("[P-DIA-4] milepost.v1.json carries exactly the published JSON value and text", () => {
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

describe("publications to a durable subscriber", () => {
  it("[P-ACK-4] an entry for a durable subscriber carries its number of delivery attempts from the second attempt on", () => {
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

describe("frames of milepost.v1.json", () => {
  it("a frame with one message is the message, a frame with several is an array of them", () => {
    fc.assert(
      fc.property(fc.array(anyPublication, { minLength: 1, maxLength: 5 }), (publications) => {
        const messages = publications.map(encodeEvent);
        const outcome = splitFrame(joinFrame(messages));
        expect(outcome).toEqual({
          ok: true,
          value: messages.map((text, i) => ({
            ...JSON.parse(text),
            data: new JsonText(publications[i]?.json ?? ""),
          })),
        });
        expect(joinFrame(messages).startsWith("[")).toBe(messages.length > 1);
      }),
    );
  });

  it("splitFrame accepts 1,000 messages in one frame and refuses more", () => {
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
  ])("splitFrame splits %s into parts without checking that they are messages", (text, parts) => {
    expect(splitFrame(text)).toEqual({ ok: true, value: parts });
  });

  it("[P-MSG-1] splitFrame refuses invalid JSON as bad_json, and too deep nesting as too_deep", () => {
    expect(splitFrame("[")).toMatchObject({ ok: false, failure: { code: "bad_json" } });
    expect(splitFrame("[".repeat(65))).toMatchObject({ ok: false, failure: { code: "too_deep" } });
  });
});

describe("other messages of the server", () => {
  it("encodeServerMessage writes JSON that parses back to the same message, whatever text the message contains", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (reason) => {
        const message = { type: "end", channel: "a", position: "e.1.t", reason } as const;
        expect(JSON.parse(encodeServerMessage(message))).toEqual(message);
      }),
    );
  });
});
