import { expect, it } from "vitest";
import { createApiKeys } from "./api-keys.ts";

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
