import { describe, expect, it } from "vitest";
import { createApiKeys } from "./api-keys.ts";
import { ConsoleTokens } from "./console-tokens.ts";

const secret = Buffer.from("the token secret of a test gateway, which is long");
const key = "key-of-an-administrator";

function world(expiresAt?: string) {
  const clock = { at: Date.parse("2026-01-01T00:00:00Z"), now: () => clock.at };
  const settings = { name: "admin", key, ...(expiresAt === undefined ? {} : { expiresAt }) };
  const keys = createApiKeys([settings], clock);
  const service = keys.identify(key);
  if (service === undefined) throw new Error("the key is known");
  return { clock, keys, service, tokens: new ConsoleTokens(secret, keys, clock) };
}

describe("the lifetime of console tokens", () => {
  it("[P-CONS-1] a token ends after 15 minutes", () => {
    const { tokens, service, clock } = world();
    const { token } = tokens.issue(service);
    clock.at += 15 * 60_000 - 1;
    expect(tokens.verify(token)).toMatchObject({ name: "admin", isConsole: true });
    clock.at += 1;
    expect(() => tokens.verify(token)).toThrow("the console token has expired");
  });

  it("[P-CONS-4] a valid token is exchanged for a new one until 8 hours after the key was shown", () => {
    const { tokens, service, clock } = world();
    let issued = tokens.issue(service);
    const began = clock.at;
    for (;;) {
      clock.at += 14 * 60_000;
      const renewing = tokens.verify(issued.token);
      if (renewing === undefined) throw new Error("the token is one of the console");
      if (clock.at >= began + 8 * 3_600_000) {
        expect(() => tokens.issue(renewing)).toThrow("more than 8 hours ago");
        return;
      }
      issued = tokens.issue(renewing);
      expect(issued.renewable_until).toBe(began + 8 * 3_600_000);
    }
  });

  it("[P-CONS-3] a token does not outlive its key", () => {
    const { tokens, service, clock } = world("2026-01-01T00:05:00Z");
    const { token, expires_at } = tokens.issue(service);
    expect(expires_at).toBe(Date.parse("2026-01-01T00:05:00Z"));
    clock.at = expires_at;
    expect(() => tokens.verify(token)).toThrow("expired");
  });

  it("[P-CONS-1] a gateway without a token secret issues no tokens and says so", () => {
    const { keys, service, clock } = world();
    const tokens = new ConsoleTokens(undefined, keys, clock);
    expect(() => tokens.issue(service)).toThrow("MILEPOST_TOKEN_SECRET");
  });
});
