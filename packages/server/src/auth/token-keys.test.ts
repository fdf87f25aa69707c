import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { readTokenKey } from "./token-key.ts";
import { createTokenVerifier, type TokenOptions } from "./token-verifier.ts";

const now = Date.UTC(2026, 0, 1);
const seconds = now / 1_000;
const secret = "a secret of more than thirty-two bytes";
const other = "another secret of thirty-two bytes!";

function signed(claims: object, header: object = {}, key: string | KeyObject = secret) {
  const bytes = typeof key === "string" ? new TextEncoder().encode(key) : key;
  return new SignJWT({ exp: seconds + 60, ...claims })
    .setProtectedHeader({ alg: "HS256", ...header })
    .sign(bytes);
}

const verifier = (options: TokenOptions) => {
  const verify = createTokenVerifier({ keys: [{ secret }], ...options }, { now: () => now });
  return async (token: string) => verify(token);
};

const pem = (key: KeyObject) => key.export({ type: "spki", format: "pem" }).toString();

describe("keys of tokens", () => {
  it("[X2] two secrets with a kid overlap: tokens of both are accepted, and only of their own kid", async () => {
    const verify = verifier({
      keys: [
        { kid: "1", secret },
        { kid: "2", secret: other },
      ],
    });
    for (const [kid, key, isSound] of [
      ["1", secret, true],
      ["2", other, true],
      ["1", other, false],
      ["2", secret, false],
      ["3", secret, false],
      [undefined, other, true],
    ] as const) {
      const outcome = verify(await signed({ sub: "7" }, kid === undefined ? {} : { kid }, key));
      if (isSound) expect(await outcome).toMatchObject({ user: "7" });
      else await expect(outcome).rejects.toMatchObject({ code: "unauthenticated" });
    }
  });

  it("[X2] a public key in PEM fixes the algorithm by its kind", () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const ed = generateKeyPairSync("ed25519");
    for (const [{ publicKey }, algorithm] of [
      [rsa, "RS256"],
      [ec, "ES256"],
      [ed, "EdDSA"],
    ] as const) {
      expect(readTokenKey({ publicKey: pem(publicKey) })).toMatchObject({ algorithm });
    }
  });

  it.each([
    [{}, /either a secret or a publicKey/],
    [{ secret, publicKey: "x" }, /either a secret or a publicKey/],
    [{ secret: "" }, /missing/],
    [{ secret: "short" }, /at least 32 bytes/],
    [{ secret: pem(generateKeyPairSync("ed25519").publicKey) }, /set it as publicKey/],
    [{ publicKey: "x" }, /no public key or certificate in PEM/],
    [
      { publicKey: pem(generateKeyPairSync("rsa", { modulusLength: 1_024 }).publicKey) },
      /2,048 bits/,
    ],
    [{ publicKey: pem(generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey) }, /P-256/],
    [
      {
        publicKey: generateKeyPairSync("ed25519")
          .privateKey.export({ type: "pkcs8", format: "pem" })
          .toString(),
      },
      /private key.*openssl pkey/,
    ],
  ])("[X2] a key that cannot be used is refused at the start, case %#", (options, reason) => {
    expect(() => readTokenKey(options)).toThrow(reason);
  });
});

describe("what tokens must claim", () => {
  it.each([
    [{ audience: "gateway" }, { aud: "gateway" }, true],
    [{ audience: "gateway" }, { aud: ["other", "gateway"] }, true],
    [{ audience: ["a", "b"] }, { aud: "b" }, true],
    [{ audience: "gateway" }, { aud: "other" }, false],
    [{ audience: "gateway" }, { aud: ["gateways"] }, false],
    [{ audience: "gateway" }, {}, false],
    [{ issuer: "https://a" }, { iss: "https://a" }, true],
    [{ issuer: ["https://a", "https://b"] }, { iss: "https://b" }, true],
    [{ issuer: "https://a" }, { iss: "https://a/" }, false],
    [{ issuer: "https://a" }, { iss: ["https://a"] }, false],
    [{ issuer: "https://a" }, {}, false],
    [{ keys: [{ secret, issuer: "https://a" }] }, { iss: "https://a" }, true],
    [{ keys: [{ secret, issuer: "https://a" }], issuer: "https://b" }, { iss: "https://b" }, false],
    [{ maxLifetimeMs: 60_000 }, { iat: seconds }, true],
    [{ maxLifetimeMs: 60_000 }, { iat: seconds - 1 }, false],
    [{ maxLifetimeMs: 59_000 }, {}, false],
    [{}, { iat: seconds + 5 }, true],
    [{}, { iat: seconds + 6 }, false],
    [{ clockToleranceMs: 0 }, { iat: seconds + 1 }, false],
    [{ clockToleranceMs: 60_000 }, { nbf: seconds + 60, iat: seconds + 60 }, true],
  ] as const)(
    "[X2] with %j a token with %j is accepted: %s",
    async (options, claims, isAccepted) => {
      const outcome = verifier(options as TokenOptions)(await signed({ sub: "7", ...claims }));
      if (isAccepted) expect(await outcome).toMatchObject({ user: "7" });
      else await expect(outcome).rejects.toThrow();
    },
  );

  it.each([
    [undefined, undefined, true],
    [undefined, "JWT", true],
    [undefined, "at+jwt", true],
    [undefined, "application/at+JWT", true],
    [undefined, "secevent+jwt", false],
    [["at+jwt"], "at+jwt", true],
    [["at+jwt"], "JWT", false],
    [["at+jwt"], undefined, false],
  ] as const)(
    "[X2] with the types %j the typ %j is accepted: %s",
    async (types, typ, isAccepted) => {
      const verify = verifier(types === undefined ? {} : { types });
      const outcome = verify(await signed({ sub: "7" }, typ === undefined ? {} : { typ }));
      if (isAccepted) expect(await outcome).toMatchObject({ user: "7" });
      else await expect(outcome).rejects.toMatchObject({ code: "unauthenticated" });
    },
  );

  it("[X2] claims may be mapped: a user in any claim, also one that is nested or has dots in its name, and as a number", async () => {
    const verify = verifier({
      claims: { user: "user_id", session: "app.session", channels: "https://a.b/c" },
    });
    const claims = {
      sub: "not this",
      user_id: 42,
      app: { session: "s1" },
      "https://a.b/c": { subscribe: ["chat:*"] },
    };
    expect(await verify(await signed(claims))).toMatchObject({
      user: "42",
      session: "s1",
      grants: { subscribe: ["chat:*"], publish: [] },
    });
    const inherited = verifier({ claims: { user: "constructor.name" } });
    await expect(inherited(await signed({ sub: "7" }))).rejects.toThrow(/needs a user/);
  });
});
