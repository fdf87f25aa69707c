import { describe, expect, it } from "vitest";
import { parseRedisAddress } from "./redis-address.ts";

function reasonFor(url: string): string {
  try {
    return JSON.stringify(parseRedisAddress(url));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe("the address of Redis", () => {
  it("parseRedisAddress decodes the user and the password", () => {
    expect(parseRedisAddress("rediss://u%40x:p%2F%3A%25@[::1]:7000/2")).toEqual({
      kind: "single",
      endpoints: [{ host: "::1", port: 7_000 }],
      username: "u@x",
      password: "p/:%",
      database: 2,
      tls: true,
    });
    expect(parseRedisAddress("redis+sentinel://:p@a,b:1/main")).toMatchObject({
      kind: "sentinel",
      endpoints: [
        { host: "a", port: 26_379 },
        { host: "b", port: 1 },
      ],
      master: "main",
      password: "p",
    });
  });

  it.each(["redis://127.0.0.1:99999", "redis://127.0.0.1:0", "redis+cluster://a,b:70000"])(
    "parseRedisAddress rejects %s with a message that names the valid ports",
    (url) => expect(reasonFor(url)).toMatch(/^the port of Redis must be from 1 to 65535, and is /),
  );

  it.each([
    "redis://:sesame/open@h:6379",
    "redis://:sesame@open@h:6379",
    "redis://:12345/open@h:6379",
    "redis://user:12345/open@h:6379",
    "redis://:sesame%zzopen@h:6379",
    "redis+cluster://:sesame@open@h,i",
    "redis+sentinel://user:sesame/open@h/main",
  ])(
    "parseRedisAddress rejects %s with a hint to encode the password, and without the password in the message",
    (url) => {
      const reason = reasonFor(url);
      expect(reason).toMatch(/percent-encode/);
      expect(reason).not.toMatch(/sesame|open|12345/);
    },
  );

  it.each(["redis+sentinel://a,b/my%master", "redis+sentinel://a,b/my%ff"])(
    "parseRedisAddress rejects %s with a hint to encode the master's name",
    (url) => expect(reasonFor(url)).toMatch(/percent-encode .* the master's name/),
  );

  it.each(["http://h", "redis://", "h:6379"])(
    "parseRedisAddress rejects %s with a message that lists the valid forms of an address",
    (url) => {
      expect(reasonFor(url)).toMatch(/redis:\/\/host.*redis\+sentinel:.*redis\+cluster:.*rediss/);
    },
  );
});
