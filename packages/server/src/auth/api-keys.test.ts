import { expect, it } from "vitest";
import { createApiKeys } from "./api-keys.ts";

const keys = createApiKeys([
  { name: "worker", key: "key-of-the-worker" },
  { name: "admin", key: "key-of-the-admin" },
]);

it("an API key stands for its name", () => {
  expect(keys.identify("key-of-the-worker")).toEqual({ kind: "service", name: "worker" });
  expect(keys.identify("key-of-the-admin")).toEqual({ kind: "service", name: "admin" });
});

it("anything else stands for nobody", () => {
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

it("keys are not kept as text", () => {
  expect(JSON.stringify(keys) + String(Object.values(keys))).not.toContain("key-of-the");
});

it("a key that no header can carry is refused where it is given", () => {
  for (const key of ["", "with spaces", "ä".repeat(16)]) {
    expect(() => createApiKeys([{ name: "worker", key }])).toThrow(/"worker" must be letters/);
  }
});
