import { expect, it } from "vitest";
import { tokenOf } from "../testing/shared-browser.ts";
import { groupOf } from "./group.ts";

const url = new URL("wss://gateway.test/ws");
const claims = { sub: "zoë", sid: "s1", channels: { subscribe: ["room:*"] } };
const digest = async (secret: string) => secret;
const group = (token: string | undefined, at = url) => groupOf("sse", { url: at, token }, digest);

it("tokens with the same claims but other times and another order are one group", async () => {
  const other = {
    channels: claims.channels,
    exp: 2,
    iat: 1,
    nbf: 1,
    jti: "x",
    sid: "s1",
    sub: "zoë",
  };
  expect(await group(tokenOf(other))).toBe(await group(tokenOf(claims)));
});

it.each([
  ["another user", tokenOf({ ...claims, sub: "zoe" })],
  ["another session", tokenOf({ ...claims, sid: "s2" })],
  ["other grants", tokenOf({ ...claims, channels: { subscribe: ["room:*", "log:*"] } })],
  ["an additional claim", tokenOf({ ...claims, tenant: "t1" })],
  ["a token that is not a JSON web token", "opaque"],
  ["a token whose claims cannot be read", "a.%%%.c"],
  ["no token", undefined],
])("%s is another group", async (_, token) => {
  expect(await group(token)).not.toBe(await group(tokenOf(claims)));
});

it("opaque tokens, gateway addresses and transports tell groups apart", async () => {
  expect(await group("a")).not.toBe(await group("b"));
  expect(await group("a")).toBe(await group("a"));
  expect(await group("a", new URL("wss://other.test/ws"))).not.toBe(await group("a"));
  expect(await groupOf("poll", { url, token: "a" }, digest)).not.toBe(await group("a"));
});

it("the name of a group reveals the token only through the digest", async () => {
  const secrets: string[] = [];
  const name = await groupOf("sse", { url, token: "opaque" }, async (secret) => {
    secrets.push(secret);
    return "digest";
  });
  expect([name, secrets.length]).toEqual(["milepost:digest", 1]);
});
