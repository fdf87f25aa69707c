import { createHmac, generateKeyPairSync } from "node:crypto";
import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { createTokens } from "./tokens.ts";

const secret = "a secret of more than thirty-two bytes";
const start = Date.UTC(2026, 0, 1);
const clock = { now: () => start };
const tokens = createTokens(secret, clock);
const exp = start / 1000 + 60;

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** Returns a token with exactly this header and these claims, signed with the secret. */
function forged(header: unknown, claims: unknown, hash = "sha256", key = secret): string {
  const signed = `${base64url(header)}.${base64url(claims)}`;
  return `${signed}.${createHmac(hash, key).update(signed).digest("base64url")}`;
}

function unauthenticated(token: string) {
  return expect(tokens.verify(token)).rejects.toMatchObject({ code: "unauthenticated" });
}

describe("user tokens", () => {
  it("verify returns the user, session, grants, issue time, expiry and id of a minted token", async () => {
    const token = await tokens.mint({
      user: "7",
      session: "s1",
      ttlMs: 60_000,
      channels: { subscribe: ["chat:*"] },
    });
    expect(await tokens.verify(token)).toEqual({
      kind: "user",
      user: "7",
      session: "s1",
      grants: { subscribe: ["chat:*"], publish: [] },
      expiresAt: start + 60_000,
      issuedAt: start,
      tokenId: expect.stringMatching(/^\S{20,}$/),
      claims: expect.objectContaining({ sub: "7", sid: "s1" }),
    });
  });

  it("a token minted without ttlMs expires after one hour", async () => {
    const principal = await tokens.verify(await tokens.mint({ user: "7" }));
    expect(principal.expiresAt).toBe(start + 3_600_000);
  });

  it("verify accepts a token that another library signed with HS256", async () => {
    const token = await new SignJWT({ sub: "7", exp })
      .setProtectedHeader({ alg: "HS256" })
      .sign(new TextEncoder().encode(secret));
    expect(await tokens.verify(token)).toMatchObject({ user: "7" });
  });

  it("verify refuses an expired token with token_expired from the exact moment of its expiry", async () => {
    const token = await tokens.mint({ user: "7", ttlMs: 60_000 });
    const at = (ms: number) => createTokens(secret, { now: () => start + ms }).verify(token);
    await expect(at(59_999)).resolves.toMatchObject({ user: "7" });
    await expect(at(60_000)).rejects.toMatchObject({ code: "token_expired", retryable: true });
    await expect(at(3_600_000)).rejects.toMatchObject({ code: "token_expired" });
  });

  it("verify asks for another try when a token that is not valid yet has begun, with 5 s for clocks that differ", async () => {
    const begin = start / 1000 + 30;
    const token = forged({ alg: "HS256" }, { sub: "7", exp, nbf: begin });
    const at = (ms: number) => createTokens(secret, { now: () => start + ms }).verify(token);
    await expect(at(0)).rejects.toMatchObject({
      code: "token_not_yet_valid",
      retryable: true,
      retryAfterMs: 10_000,
      message: "the token is valid in 30 s by the clock of this gateway; try again then",
    });
    await expect(at(24_900)).rejects.toMatchObject({ retryAfterMs: 5_100 });
    await expect(at(25_000)).resolves.toMatchObject({ user: "7" });
  });

  it("[P-CON-12] verify asks for another try after 10 s at most, since the clock of the gateway may be the one that is wrong", async () => {
    const token = await tokens.mint({ user: "7" });
    // The clock of this gateway has stepped back by 524 s, and will be set right before those are over.
    const slow = createTokens(secret, { now: () => start - 524_000 });
    await expect(slow.verify(token)).rejects.toMatchObject({
      code: "token_not_yet_valid",
      retryAfterMs: 10_000,
      message: "the token is valid in 524 s by the clock of this gateway; try again then",
    });
  });

  it("verify refuses a token for good whose begin is no number or lies more than a day ahead", async () => {
    const later = start / 1000 + 86_400;
    const claims = { sub: "7", exp: later * 2 };
    const waits = forged({ alg: "HS256" }, { ...claims, nbf: later });
    await expect(tokens.verify(waits)).rejects.toMatchObject({ retryAfterMs: 10_000 });
    // The last one counts milliseconds, a common mistake of issuers.
    for (const nbf of ["soon", null, later + 1, start]) {
      await unauthenticated(forged({ alg: "HS256" }, { ...claims, nbf }));
    }
  });

  it("verify refuses a token without a numeric exp claim", async () => {
    await unauthenticated(forged({ alg: "HS256" }, { sub: "7" }));
    await unauthenticated(forged({ alg: "HS256" }, { sub: "7", exp: null }));
    await unauthenticated(forged({ alg: "HS256" }, { sub: "7", exp: "9999999999" }));
  });

  it("verify refuses a token whose header names another algorithm, signed or not", async () => {
    const claims = { sub: "7", exp };
    await unauthenticated(`${base64url({ alg: "none" })}.${base64url(claims)}.`);
    await unauthenticated(`${base64url({ alg: "None" })}.${base64url(claims)}.`);
    await unauthenticated(forged({ alg: "none" }, claims));
    await unauthenticated(forged({ alg: "HS512" }, claims, "sha512"));
    await unauthenticated(forged({ alg: "RS256" }, claims));
    await unauthenticated(forged({}, claims));
  });

  it("verify refuses a token whose header contains its own verification key", async () => {
    const claims = { sub: "7", exp };
    const jwk = { kty: "oct", k: Buffer.from("mine").toString("base64url") };
    await unauthenticated(forged({ alg: "HS256", jwk }, claims, "sha256", "mine"));
    await unauthenticated(forged({ alg: "HS256", kid: "/dev/null" }, claims, "sha256", ""));
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const own = await new SignJWT(claims)
      .setProtectedHeader({ alg: "ES256", jwk: publicKey.export({ format: "jwk" }) })
      .sign(privateKey);
    await unauthenticated(own);
  });

  it("verify refuses a token that was changed, truncated, forged or signed with another secret", async () => {
    const token = await tokens.mint({ user: "7" });
    const [header, claims, signature] = token.split(".");
    const other = base64url({ sub: "8", exp });
    for (const bad of [
      "",
      ".",
      "..",
      "a.b.c",
      `${header}.${claims}`,
      `${header}.${claims}.`,
      `${header}.${other}.${signature}`,
      `${token}x`,
      `${token}.x`,
      "x".repeat(20_000),
      forged({ alg: "HS256" }, { sub: "7", exp }, "sha256", "another secret of thirty-two bytes!"),
      forged({ alg: "HS256" }, [1]),
      forged({ alg: "HS256", crit: ["b64"], b64: false }, { sub: "7", exp }),
    ]) {
      await unauthenticated(bad);
    }
  });

  it.each([
    { sub: 7.5 },
    { sub: 2 ** 53 },
    { sub: true },
    { sub: "guest:7" },
    { iss: "me" },
    { sub: "" },
    { sub: "x".repeat(1_025) },
    { sub: "a\ud83d" },
    { sid: ["s"] },
    { channels: "chat:*" },
    { channels: { subscribe: "chat:*" } },
    { channels: { publish: [1] } },
    { channels: { subscribe: Array.from({ length: 101 }, () => "a") } },
  ])("verify refuses a token with the invalid claim %j", async (claims) => {
    await unauthenticated(forged({ alg: "HS256" }, { exp, ...claims }));
  });

  it("the error for a refused token contains no part of the token", async () => {
    const token = forged({ alg: "HS512" }, { sub: "canary", exp });
    const error = await tokens.verify(token).catch((thrown: unknown) => thrown);
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toMatch(/canary|eyJ/);
  });
});

it("[P-NAME-4] a token names any user and session, in any script", async () => {
  for (const id of ["ann@example.com", "auth0|7", "a:b", "*", "山田", "😀", "x".repeat(1_024)]) {
    const token = await tokens.mint({ user: id, session: id });
    expect(await tokens.verify(token)).toMatchObject({ user: id, session: id });
  }
});

it("[P-NAME-4] mint refuses a user or session id that is empty or not well-formed", async () => {
  for (const content of [{ user: "" }, { session: "a\ud83d" }]) {
    await expect(tokens.mint(content)).rejects.toMatchObject({ code: "bad_message" });
  }
});

it("mint refuses a lifetime that is not a number", async () => {
  await expect(tokens.mint({ user: "7", ttlMs: Number.NaN })).rejects.toMatchObject({
    code: "bad_message",
    message: "ttlMs must be a number of milliseconds",
  });
});

it("createTokens uses the machine's clock unless another clock is passed", async () => {
  const own = createTokens(secret);
  const { expiresAt = 0 } = await own.verify(await own.mint({ user: "7", ttlMs: 60_000 }));
  expect(Math.abs(expiresAt - Date.now() - 60_000)).toBeLessThan(30_000);
});

it("createTokens refuses a secret under 32 bytes and says how to make one", () => {
  expect(() => createTokens("short", clock)).toThrow(/at least 32 bytes.* 5; .*openssl rand/);
  expect(() => createTokens(new Uint8Array(31), clock)).toThrow(/at least 32 bytes/);
  expect(() => createTokens("ä".repeat(16), clock)).not.toThrow();
});

it.each([[undefined], [null], [""]])(
  "createTokens says that the secret is missing when it is %j",
  (missing) => {
    expect(() => createTokens(missing as unknown as string, clock)).toThrow(
      /^tokenSecret is missing; is its environment variable set\? .*openssl rand/,
    );
  },
);

it.each([[7], [{}], [["a", "b"]], [new ArrayBuffer(48)], [Promise.resolve(secret)]])(
  "createTokens refuses the secret %s, which is neither text nor bytes, without showing it",
  (wrong) => {
    expect(() => createTokens(wrong as unknown as string, clock)).toThrow(
      /^tokenSecret must be a string or a Uint8Array; /,
    );
  },
);
