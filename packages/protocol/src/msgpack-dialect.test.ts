import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeEvent, maxMessagesPerFrame } from "./json-dialect.ts";
import { decodeMsgpack } from "./msgpack-decode.ts";
import { encodeMsgpackEvent, splitMsgpackFrame } from "./msgpack-dialect.ts";
import { encodeMsgpack } from "./msgpack-encode.ts";
import { endEvent } from "./publication.ts";
import { anyPublication } from "./testing/any-publication.ts";

describe("publications in milepost.v1.msgpack", () => {
  it("[P-DIA-5] milepost.v1.msgpack carries a publication with the same fields as milepost.v1.json", () => {
    fc.assert(
      fc.property(
        anyPublication.filter(({ json }) => !/\\ud[89a-f]/.test(json)),
        fc.boolean(),
        fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
        (publication, merged, attempt) => {
          const { position } = publication;
          const sent = {
            ...publication,
            ...(merged && { since: position }),
            ...(attempt !== undefined && { attempt }),
          };
          const value = decodeMsgpack(encodeMsgpackEvent(sent), { maxDepth: 256 });
          expect(value).toEqual({ ok: true, value: JSON.parse(encodeEvent(sent)) });
        },
      ),
    );
  });

  it("[P-END-2] the entry that ends a log becomes an end message in msgpack", () => {
    const end = {
      channel: "a:1",
      position: { epoch: "e", offset: 2, tag: "t" },
      event: endEvent,
      json: '{"reason":"all \\"done\\""}',
      ts: 1,
    };
    const value = { type: "end", channel: "a:1", position: "e.2.t", reason: 'all "done"' };
    expect(decodeMsgpack(encodeMsgpackEvent(end))).toEqual({ ok: true, value });
    expect(JSON.parse(encodeEvent(end))).toEqual(value);
  });
});

describe("frames of milepost.v1.msgpack", () => {
  it("[P-DIA-5] a msgpack frame is one message or an array of up to 1,000", () => {
    const of = (count: number) => encodeMsgpack(Array.from({ length: count }, () => ({})));
    expect(splitMsgpackFrame(encodeMsgpack({ type: "ping" }))).toEqual({
      ok: true,
      value: [{ type: "ping" }],
    });
    expect(splitMsgpackFrame(of(maxMessagesPerFrame)).ok).toBe(true);
    expect(splitMsgpackFrame(of(maxMessagesPerFrame + 1))).toMatchObject({
      ok: false,
      failure: { code: "too_large" },
    });
    expect(splitMsgpackFrame(Uint8Array.of(0xc1))).toMatchObject({
      ok: false,
      failure: { code: "bad_message" },
    });
  });
});
