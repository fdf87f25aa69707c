import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { runCommand } from "../testing/test-terminal.ts";

it("[X2] milepost key makes a new API key each time, with the hash for the configuration", async () => {
  const { code, out } = await runCommand(["key", "--json"]);
  expect(code).toBe(0);
  const { key, hash } = JSON.parse(out[0] ?? "");
  expect(key).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(hash).toBe(`sha256:${createHash("sha256").update(key).digest("hex")}`);
  const other = await runCommand(["key"]);
  expect(other.out.join()).toMatch(/^key {3}\S{43},hash {2}sha256:[0-9a-f]{64}$/);
  expect(other.out.join()).not.toContain(key);
});
