import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isChannelName,
  isChannelSegment,
  isWildcard,
  parseChannelName,
  parseReadableName,
} from "./channel-name.ts";

const hostile = {
  "nothing at all": "",
  "a star": "*",
  "a star as the last segment": "a:*",
  "a star in the middle": "a:*:b",
  "a star within a segment": "a*",
  "a glob of the store": "a[b]?",
  "a carriage return": "a\rb",
  "a line feed": "a\nb",
  "a line feed at the end": "a\n",
  "a NUL": "a\0b",
  "an escape": "a\u001b[31mb",
  "a space": "a b",
  "a letter of another script": "каnал",
  "a full-width colon": "a：b",
  "a combining mark": "é",
  "an emoji": "a:😀",
  "a lone surrogate": "a\ud800",
  "a right-to-left override": "a\u202eb",
  "an empty segment in the middle": "a::b",
  "an empty segment at the start": ":a",
  "an empty segment at the end": "a:",
  "only a separator": ":",
  "a slash": "a/b",
  "a comma": "a,b",
  "an at sign": "a@b",
  "a percent escape": "a%3Ab",
  "a brace": "{a}",
  "a hash": "a#b",
  "256 bytes": "a".repeat(256),
  "10 kB": "a:".repeat(5_000).concat("a"),
};

describe("channel names", () => {
  it.each(Object.entries(hostile))(
    "[P-NAME-1] parseChannelName refuses a channel name with %s as invalid_channel",
    (_, text) => {
      expect(isChannelName(text)).toBe(false);
      expect(isChannelSegment(text)).toBe(false);
      const outcome = parseChannelName(text);
      expect(outcome).toMatchObject({ ok: false, failure: { code: "invalid_channel" } });
    },
  );

  it.each(["a", "user:7", "user:7:operation:9", "A-Z.a~z_0:..:~", "__proto__", "a".repeat(255)])(
    "[P-NAME-1] parseChannelName accepts the channel name %j unchanged",
    (text) => {
      expect(parseChannelName(text)).toEqual({ ok: true, value: text });
    },
  );

  it("[P-NAME-1] the message about a refused channel name does not repeat the raw text", () => {
    for (const text of Object.values(hostile)) {
      const outcome = parseChannelName(text);
      if (outcome.ok) throw new Error("it was taken");
      expect(outcome.failure.message).toMatch(/^[\x20-\x7e]+$/);
      expect(outcome.failure.message.length).toBeLessThan(120);
    }
  });

  it("[P-NAME-1] parseChannelName refuses every value that is not a string", () => {
    for (const value of [undefined, null, 7, true, {}, [], ["a"], { toString: () => "a" }]) {
      expect(parseChannelName(value)).toMatchObject({
        ok: false,
        failure: { code: "invalid_channel", message: "channel must be a string" },
      });
    }
  });

  it("[P-WILD-1] parseChannelName refuses a name that ends in :* with an error that says it can only be subscribed to", () => {
    expect(parseChannelName("collection:42:*")).toMatchObject({
      failure: { message: expect.stringContaining("only for reading; name one channel") },
    });
  });

  it("[P-NAME-1] isChannelName accepts exactly the texts that match the grammar of channel names", () => {
    const unit = fc.constantFrom("a", "Z", "0", "_", ".", "~", "-", ":", "*", "\n", "é", " ");
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 12 }), (text) => {
        const segments = text.split(":");
        const expected = segments.every(
          (segment) => segment !== "" && [...segment].every((c) => /[A-Za-z0-9_.~-]/.test(c)),
        );
        expect(isChannelName(text)).toBe(expected);
      }),
    );
  });
});

describe("names to subscribe to: channel names and wildcards", () => {
  it.each(["a", "user:7", "a:*", "collection:42:*", `${"a".repeat(253)}:*`])(
    "[P-WILD-1] parseReadableName accepts %j unchanged",
    (text) => {
      expect(parseReadableName(text)).toEqual({ ok: true, value: text });
      expect(isWildcard(text)).toBe(text.endsWith("*"));
    },
  );

  it.each([
    "*",
    ":*",
    "a:*:*",
    "a:*:b",
    "a:b*",
    "a:**",
    "*:a",
    "a:*\n",
    " a:*",
    `${"a".repeat(254)}:*`,
  ])("[P-WILD-1] parseReadableName refuses %j as invalid_channel", (text) => {
    expect(parseReadableName(text)).toMatchObject({
      ok: false,
      failure: { code: "invalid_channel" },
    });
  });
});

describe("channel segments", () => {
  it("isChannelSegment refuses a channel segment that contains a colon", () => {
    expect(isChannelSegment("a")).toBe(true);
    expect(isChannelSegment("a:b")).toBe(false);
  });
});
