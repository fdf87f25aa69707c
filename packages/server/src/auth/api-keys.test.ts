import { expect, it } from "vitest";
import { createApiKeys, hashOfApiKey } from "./api-keys.ts";

const keys = createApiKeys([
  { name: "worker", key: "key-of-the-worker" },
  { name: "admin", key: "key-of-the-admin" },
]);

it("an API key identifies the service it was configured for", () => {
  expect(keys.identify("key-of-the-worker")).toEqual({ kind: "service", name: "worker" });
  expect(keys.identify("key-of-the-admin")).toEqual({ kind: "service", name: "admin" });
});

it("identify returns undefined for every text that is not a configured API key", () => {
  for (const presented of [
    "",
    "worker",
    "key-of-the-worke",
    "key-of-the-worker ",
    "KEY-OF-THE-WORKER",
  ]) {
    expect(keys.identify(presented)).toBeUndefined();
  }
});

it("the API key store does not keep keys as plain text", () => {
  expect(JSON.stringify(keys) + String(Object.values(keys))).not.toContain("key-of-the");
});

it("createApiKeys refuses a key that an Authorization header cannot carry", () => {
  for (const key of ["", "with spaces", "ä".repeat(16)]) {
    expect(() => createApiKeys([{ name: "worker", key }])).toThrow(/"worker" must be letters/);
  }
});

it("[X2] two keys of one name are one service, also when the configuration has only their hashes", () => {
  const rotating = createApiKeys([
    { name: "worker", hash: hashOfApiKey("key-of-october") },
    { name: "worker", key: "key-of-november" },
  ]);
  for (const key of ["key-of-october", "key-of-november"]) {
    expect(rotating.identify(key)).toEqual({ kind: "service", name: "worker" });
  }
  expect(rotating.identify(hashOfApiKey("key-of-october"))).toBeUndefined();
});

it("[X2] a key is refused from the moment of its expiry, and its successor stays", () => {
  let now = Date.UTC(2026, 10, 30);
  const expiresAt = "2026-12-01T00:00:00Z";
  const settings = [
    { name: "worker", key: "key-of-october", expiresAt },
    { name: "worker", key: "key-of-november" },
  ];
  const expiring = createApiKeys(settings, { now: () => now });
  expect(expiring.identify("key-of-october")).toMatchObject({ name: "worker" });
  now = Date.parse(expiresAt);
  expect(() => expiring.identify("key-of-october")).toThrow("this API key has expired");
  expect(expiring.identify("key-of-november")).toMatchObject({ name: "worker" });
});

it.each([
  [{}, /either a key or a hash/],
  [{ key: "key-of-the-worker", hash: hashOfApiKey("a") }, /either a key or a hash/],
  [{ hash: "sha256:abc" }, /64 hexadecimal digits.*milepost key/],
  [{ key: "key-of-the-worker", expiresAt: "tomorrow" }, /2027-01-01/],
  [
    { key: "key-of-the-worker", scopes: ["everything"] },
    /names no action; use \*, or one of subscribe/,
  ],
  [
    { key: "key-of-the-worker", scopes: ["connections:chat:*"] },
    /an action on channels and a pattern/,
  ],
  [
    { key: "key-of-the-worker", scopes: ["publish:chat:*:x"] },
    /an action on channels and a pattern/,
  ],
])(
  "[X2] settings of a key that cannot be used are refused with the fix, case %#",
  (settings, reason) => {
    expect(() => createApiKeys([{ name: "worker", ...settings }])).toThrow(reason);
  },
);
