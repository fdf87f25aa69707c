import { createTokens } from "@milepost/server";
import { expect, it } from "vitest";
import { runCommand } from "../testing/test-terminal.ts";

const secret = "a secret of more than thirty-two bytes";
const env = { MILEPOST_TOKEN_SECRET: secret };
const tokens = createTokens(secret, Date);

it("milepost token prints a token with the given user, session, grants and lifetime", async () => {
  const before = Date.now();
  const args = ["--user", "7", "--session", "s1", "--ttl", "15m", "--subscribe", "chat:*"];
  const { code, out } = await runCommand(["token", ...args, "--subscribe", "a"], env);
  expect(code).toBe(0);
  expect(out).toHaveLength(1);
  const principal = await tokens.verify(out[0] ?? "");
  expect(principal).toMatchObject({
    user: "7",
    session: "s1",
    grants: { subscribe: ["chat:*", "a"], publish: [] },
  });
  expect((principal.expiresAt ?? 0) - before).toBeGreaterThan(14 * 60_000);
  expect((principal.expiresAt ?? 0) - before).toBeLessThanOrEqual(15 * 60_000 + 1_000);
});

it("milepost token --json prints the token with its contents", async () => {
  const { out } = await runCommand(["token", "--user", "7", "--json"], env);
  const printed = JSON.parse(out[0] ?? "");
  expect(printed).toMatchObject({ user: "7", subscribe: [], expires_at: expect.any(Number) });
  expect(await tokens.verify(printed.token)).toMatchObject({ user: "7" });
});

it("milepost token refuses an empty user, prints one line and exits with 2", async () => {
  expect(await runCommand(["token", "--user", ""], env)).toMatchObject({
    code: 2,
    out: [],
    err: [expect.stringMatching(/^milepost: user must be a text of 1 to 1024 bytes[^\n]*$/)],
  });
});
