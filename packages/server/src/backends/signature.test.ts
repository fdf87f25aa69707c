import { describe, expect, it } from "vitest";
import { signatureOf, verifySignature } from "./signature.ts";

/** Documented examples, made with `sha256sum` and `openssl dgst -sha256 -hmac`. */
const vectors = [
  {
    secret: "milepost-test-secret-of-32-bytes!",
    value: "t=1767225600,v1=2aef253c61bd4c3bac4e27e898cce6f77d5273609bc9b45193663b221617d146",
  },
  {
    secret: "another-secret-while-keys-rotate",
    value: "t=1767225600,v1=a5dbdc5e24eb946a21b7c875f6259e268b1bfd9afed47b7e3ee275ca001d2ee4",
  },
] as const;
const method = "orders.get";
const body =
  '{"id":"r1","method":"orders.get","params":{"id":42},"user_id":"7","session_id":"s1","deadline_ms":1767225610000}';
const timestamp = 1_767_225_600;

describe("signatures of requests to a backend", () => {
  it("[P-RPC-6] signatureOf gives the values of the documented examples, and verifySignature accepts them", () => {
    for (const { secret, value } of vectors) {
      expect(signatureOf(secret, { timestamp, method, body })).toBe(value);
      const request = { header: value, method, body, secrets: [secret], now: timestamp };
      expect(verifySignature(request)).toBe(true);
      expect(verifySignature({ ...request, body: new TextEncoder().encode(body) })).toBe(true);
    }
  });

  it("[P-RPC-6] verifySignature accepts the old and the new secret during a change of secrets", () => {
    const secrets = vectors.map(({ secret }) => secret);
    for (const { value } of vectors) {
      expect(verifySignature({ header: value, method, body, secrets, now: timestamp })).toBe(true);
    }
    expect(
      verifySignature({ header: vectors[0].value, method, body, secrets: [], now: timestamp }),
    ).toBe(false);
  });

  it("[P-RPC-6] verifySignature refuses a changed request and one whose time is outside the tolerance", () => {
    const [{ secret, value: header }] = vectors;
    const good = { header, method, body, secrets: [secret], now: timestamp };
    const wrong = [
      { ...good, method: "orders.delete" },
      { ...good, body: body.replace("42", "43") },
      { ...good, body: `${body} ` },
      { ...good, header: header.replace("1767225600", "1767225601") },
      { ...good, header: `${header.slice(0, -1)}7` },
      { ...good, header: header.replace("v1=", "v0=") },
      { ...good, header: header.slice(0, -2) },
      { ...good, header: `${header},v1=00` },
      { ...good, header: "t=1767225600,v1=" },
      { ...good, header: "" },
      { ...good, header: undefined },
      { ...good, header: "x".repeat(100_000) },
      { ...good, secrets: ["milepost-test-secret-of-32-bytes?"] },
      { ...good, now: timestamp + 301 },
      { ...good, now: timestamp - 301 },
      { ...good, now: Number.NaN },
    ];
    for (const request of wrong) expect(verifySignature(request)).toBe(false);
    expect(verifySignature({ ...good, now: timestamp + 300 })).toBe(true);
    expect(verifySignature({ ...good, now: timestamp + 60, toleranceS: 30 })).toBe(false);
  });
});
