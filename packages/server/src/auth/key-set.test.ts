import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { KeySet, type KeySetOptions } from "./key-set.ts";
import { createTokenVerifier } from "./token-verifier.ts";

const start = Date.UTC(2026, 0, 1);
const es256 = "ES256";

interface IssuerKey {
  readonly kid: string;
  readonly jwk: object;
  token(kid?: string): Promise<string>;
}

async function issuerKey(kid: string, alg = es256): Promise<IssuerKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return {
    kid,
    jwk: { ...(await exportJWK(publicKey)), kid, use: "sig", alg },
    token: (named = kid) =>
      new SignJWT({ sub: "7", iss: "https://issuer.example" })
        .setProtectedHeader({ alg, kid: named })
        .setExpirationTime(start / 1_000 + 600)
        .sign(privateKey),
  };
}

/** Issuer that serves key sets, with a verifier whose clock the test moves. */
async function issuer(options: Partial<KeySetOptions> = {}) {
  let answer = (response: ServerResponse) => response.end();
  let fetches = 0;
  let elapsed = 0;
  const warnings: string[] = [];
  const server = createServer((_, response) => {
    fetches++;
    answer(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/jwks.json`;
  const log = {
    info() {},
    error() {},
    warn: (fields: object, text: string) => warnings.push(JSON.stringify(fields) + text),
  };
  const parts = { clock: { monotonic: () => elapsed }, random: { fraction: () => 1 }, log };
  const set = new KeySet({ url, ...options }, parts);
  const verifier = createTokenVerifier({}, { now: () => start }, [set]);
  return {
    verify: async (token: string) => verifier(token),
    warnings,
    get fetches() {
      return fetches;
    },
    publish(...keys: readonly unknown[]) {
      answer = (response) => response.end(JSON.stringify({ keys }));
    },
    answer(with_: (response: ServerResponse) => void) {
      answer = with_ as typeof answer;
    },
    advance(ms: number) {
      elapsed += ms;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const unauthenticated = { code: "unauthenticated" };

describe("key sets of issuers", () => {
  it.each(["RS256", "ES256", "EdDSA"])(
    "[X2] a token signed with %s is verified with the key set of its issuer, fetched once",
    async (alg) => {
      await using t = await issuer();
      const key = await issuerKey("a", alg);
      t.publish(key.jwk);
      const tokens = await Promise.all([key.token(), key.token(), key.token()]);
      for (const principal of await Promise.all(tokens.map(t.verify))) {
        expect(principal).toMatchObject({ user: "7" });
      }
      expect(t.fetches).toBe(1);
    },
  );

  it("[X2] 10,000 tokens with random kids cause at most one fetch per cooldown, and known keys stay in use", async () => {
    await using t = await issuer({ cooldownMs: 30_000 });
    const key = await issuerKey("a");
    t.publish(key.jwk);
    const good = await key.token();
    await t.verify(good);
    const [head = "", ...rest] = good.split(".");
    const header = JSON.parse(Buffer.from(head, "base64url").toString());
    const random = (n: number) =>
      [
        Buffer.from(JSON.stringify({ ...header, kid: `k${n}` })).toString("base64url"),
        ...rest,
      ].join(".");
    for (const expected of [1, 2, 3]) {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10_000 }, (_, n) => t.verify(random(n))),
      );
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toEqual([]);
      expect(t.fetches).toBe(expected);
      expect(await t.verify(good)).toMatchObject({ user: "7" });
      t.advance(30_000);
    }
  });

  it("[X2] a key that the issuer has just published loses nobody: within the cooldown its tokens are asked to wait, then accepted", async () => {
    await using t = await issuer({ cooldownMs: 30_000 });
    const [old, next] = [await issuerKey("old"), await issuerKey("next")];
    t.publish(old.jwk);
    await t.verify(await old.token());
    t.publish(old.jwk, next.jwk);
    t.advance(10_000);
    await expect(t.verify(await next.token())).rejects.toMatchObject({
      code: "token_not_yet_valid",
      retryable: true,
      retryAfterMs: 20_000,
    });
    t.advance(20_000);
    const mixed = await Promise.all([old.token(), next.token(), old.token(), next.token()]);
    for (const principal of await Promise.all(mixed.map(t.verify))) {
      expect(principal).toMatchObject({ user: "7" });
    }
    expect(t.fetches).toBe(2);
  });

  it("[X2] a token whose kid is not in keys fetched for it is refused for good, and so is a key that was withdrawn", async () => {
    await using t = await issuer({ cooldownMs: 1_000, maxAgeMs: 5_000 });
    const [a, b] = [await issuerKey("a"), await issuerKey("b")];
    t.publish(a.jwk);
    await expect(t.verify(await b.token())).rejects.toMatchObject(unauthenticated);
    await t.verify(await a.token());
    t.publish(b.jwk);
    t.advance(5_000);
    // The keys are refreshed in the background; the token that asked first still counts by the old ones.
    await t.verify(await a.token());
    await t.verify(await b.token());
    t.advance(1_000);
    await expect(t.verify(await a.token())).rejects.toMatchObject(unauthenticated);
  });

  it("[X2] known keys stay in use while the issuer is away, until they are older than maxStaleMs", async () => {
    await using t = await issuer({ cooldownMs: 1_000, maxAgeMs: 5_000, maxStaleMs: 60_000 });
    const key = await issuerKey("a");
    t.publish(key.jwk);
    const token = await key.token();
    await t.verify(token);
    t.answer((response) => response.writeHead(503).end());
    t.advance(59_999);
    expect(await t.verify(token)).toMatchObject({ user: "7" });
    t.advance(60_000);
    await expect(t.verify(token)).rejects.toMatchObject({ code: "unavailable", retryable: true });
    expect(t.warnings.join()).toContain("status 503");
    expect(t.warnings.join()).not.toContain(token);
  });

  it.each([
    [
      "a redirect",
      (response: ServerResponse) =>
        response.writeHead(302, { Location: "http://127.0.0.1:1/" }).end(),
    ],
    ["too much", (response: ServerResponse) => response.end(`{"keys":[${" ".repeat(300_000)}]}`)],
    ["no JSON", (response: ServerResponse) => response.end("<html>")],
    ["no keys", (response: ServerResponse) => response.end('{"keys":[]}')],
    [
      "a secret",
      (response: ServerResponse) =>
        response.end('{"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0"}]}'),
    ],
    ["nothing in time", () => {}],
  ])("[X2] an issuer that answers with %s gives no keys, and tokens wait", async (_, answer) => {
    await using t = await issuer({ timeoutMs: 100 });
    t.answer(answer);
    const key = await issuerKey("a");
    await expect(t.verify(await key.token())).rejects.toMatchObject({
      code: "unavailable",
      retryable: true,
      retryAfterMs: expect.any(Number),
    });
    expect(t.fetches).toBe(1);
    expect(t.warnings).toHaveLength(1);
  });

  it("[X2] keys of another use or algorithm, weak keys and private keys in a set are passed over", async () => {
    await using t = await issuer();
    const key = await issuerKey("a");
    const { kty, crv, x, y } = key.jwk as Record<string, string>;
    t.publish(
      { kty, crv, x, y, kid: "a", use: "enc" },
      { kty, crv, x, y, kid: "a", alg: "RS256" },
      { kty, crv, x, y, kid: "a", key_ops: ["encrypt"] },
      { kty, crv, x, y, kid: "a", d: "AAAA" },
      { kty, crv, x: "AAAA", y, kid: "a" },
      { kty: "RSA", n: "AQAB", e: "AQAB", kid: "a" },
      null,
      (await issuerKey("b")).jwk,
    );
    await expect(t.verify(await key.token())).rejects.toMatchObject(unauthenticated);
  });

  it("[X2] a key set that belongs to an issuer verifies no token of another one", async () => {
    await using t = await issuer({ issuer: "https://other.example" });
    const key = await issuerKey("a");
    t.publish(key.jwk);
    await expect(t.verify(await key.token())).rejects.toMatchObject(unauthenticated);
  });

  it.each(["ftp://a/b", "nothing", "https://user:word@issuer.example/"])(
    "a key set with the address %s is refused at the start",
    (url) => {
      const parts = {
        clock: { monotonic: () => 0 },
        random: { fraction: () => 0 },
        log: { info() {}, warn() {}, error() {} },
      };
      expect(() => new KeySet({ url }, parts)).toThrow(/^the url of a key set must/);
    },
  );
});
