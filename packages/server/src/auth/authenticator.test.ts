import { MilepostError } from "@milepost/protocol";
import { describe, expect, it } from "vitest";
import { type AuthOptions, createAuthenticator } from "./authenticator.ts";
import { createTokens } from "./tokens.ts";

const tokenSecret = "a secret of more than thirty-two bytes";
const apiKeys = [{ name: "worker", key: "key-of-the-worker" }];
const options: AuthOptions = { tokenSecret, apiKeys };
const unknownKey =
  "this API key is not known to the gateway, and it is no user token (a JWT) either";

function authenticate(credential: string, settings = options) {
  return createAuthenticator(settings, Date).authenticate(`Bearer ${credential}`);
}

describe("the authenticator", () => {
  it("authenticate resolves with the service of a known API key and with the user of a token", async () => {
    expect(await authenticate("key-of-the-worker")).toEqual({ kind: "service", name: "worker" });
    const token = await createTokens(tokenSecret).mint({ user: "7" });
    expect(await authenticate(token)).toMatchObject({ kind: "user", user: "7" });
  });

  it.each([
    "key-of-the-worke",
    "key-of-nobody",
    "a.b.c",
    "key.with.dots",
    "e30.e30.e30",
    `${Buffer.from("[1]").toString("base64url")}.b.c`,
  ])("authenticate says that the API key %s is not known", async (credential) => {
    await expect(authenticate(credential)).rejects.toMatchObject({
      code: "unauthenticated",
      message: unknownKey,
    });
  });

  it("authenticate says of a token with a wrong signature that the token is not valid", async () => {
    const foreign = await createTokens("another secret of thirty-two bytes").mint({ user: "7" });
    await expect(authenticate(foreign)).rejects.toMatchObject({
      code: "unauthenticated",
      message: "the token is not valid",
    });
  });

  it("authenticate asks a custom verifier about every credential that is no known API key", async () => {
    const verifyToken = async (token: string) => {
      if (token !== "opaque") throw new MilepostError("unauthenticated", "no such session");
      return {
        kind: "user" as const,
        user: "7",
        session: undefined,
        grants: { subscribe: [], publish: [] },
        expiresAt: Date.now() + 60_000,
      };
    };
    const custom = { verifyToken, apiKeys };
    expect(await authenticate("opaque", custom)).toMatchObject({ user: "7" });
    expect(await authenticate("key-of-the-worker", custom)).toMatchObject({ name: "worker" });
    await expect(authenticate("other", custom)).rejects.toThrow("no such session");
  });

  it.each([
    { user: "a\ud83d", session: undefined },
    { user: undefined, session: "x".repeat(1_025) },
    { user: "", session: undefined },
  ])(
    "[P-NAME-4] a custom verifier's ids %j are refused, since they are empty, too long or not well-formed",
    async (ids) => {
      const verifyToken = async () => ({
        kind: "user" as const,
        ...ids,
        grants: { subscribe: [], publish: [] },
        expiresAt: undefined,
      });
      const auth = createAuthenticator({ verifyToken }, Date);
      await expect(auth.verifyToken("any")).rejects.toMatchObject({
        code: "unauthenticated",
        message: expect.stringMatching(
          /^the token's (user|session) must be a text of 1 to 1024 bytes/,
        ),
      });
    },
  );

  it("createAuthenticator refuses to start without tokenSecret and verifyToken", () => {
    expect(() => createAuthenticator({ apiKeys }, Date)).toThrow(/tokenSecret .* or verifyToken/);
  });
});
