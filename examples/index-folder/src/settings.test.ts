import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { isOwnHost } from "./same-origin.ts";
import { readSettings } from "./settings.ts";

test("readSettings has a default for everything and creates new secrets each time", () => {
  const one = readSettings({}, tmpdir());
  const other = readSettings({}, tmpdir());
  expect(one).toMatchObject({ port: 8787, host: "127.0.0.1", allowedHosts: [] });
  expect(one.tokenSecret).not.toBe(other.tokenSecret);
  expect(one.apiKey).not.toBe(one.tokenSecret);
});

test("readSettings refuses an unusable setting with one line that names it", () => {
  const refused = (env: Record<string, string>) => () => readSettings(env, tmpdir());
  for (const port of ["x", "-1", "65536", "1.5", "0x10"]) {
    expect(refused({ MILEPOST_PORT: port })).toThrow(/^MILEPOST_PORT must be .*$/);
  }
  expect(refused({ MILEPOST_DEMO_ROOT: "/no/such" })).toThrow(/^MILEPOST_DEMO_ROOT must be .*$/);
  expect(refused({ MILEPOST_TOKEN_SECRET: "short" })).toThrow(/at least 32 bytes/);
  expect(refused({ MILEPOST_API_KEY_FILE: "/no/such" })).toThrow(/cannot be read/);
});

test("isOwnHost refuses a name that a foreign page may have pointed at the demo", () => {
  for (const host of ["localhost:8787", "127.0.0.1:1", "[::1]:8787", "10.0.0.7", "a.localhost"]) {
    expect(isOwnHost(host, []), host).toBe(true);
  }
  for (const host of [
    undefined,
    "",
    "evil.example",
    "127.0.0.1.evil.example:8787",
    "localhost.evil",
  ]) {
    expect(isOwnHost(host, []), host).toBe(false);
  }
  expect(isOwnHost("demo.example:443", ["demo.example"])).toBe(true);
});
