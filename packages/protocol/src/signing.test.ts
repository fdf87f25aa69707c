import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  formatSignature,
  JsonText,
  maxSignatureLength,
  parseSignature,
  signPublication,
  signRequest,
  verifyPublication,
} from "./index.ts";

interface Vectors {
  readonly secrets: Readonly<Record<string, string>>;
  readonly requests: readonly {
    readonly name: string;
    readonly key_id: string;
    readonly timestamp: number;
    readonly nonce: string;
    readonly method: string;
    readonly target: string;
    readonly body: string;
    readonly signature: string;
  }[];
  readonly publications: readonly Publication[];
  readonly refused: readonly (Partial<Publication> & {
    readonly name: string;
    readonly of: string;
    readonly sig: string;
  })[];
}
interface Publication {
  readonly name: string;
  readonly key_id: string;
  readonly timestamp: number;
  readonly nonce: string;
  readonly channel: string;
  readonly event: string;
  readonly data: string;
  readonly key?: string;
  readonly sig: string;
}

const file = new URL("../../../vectors/signing.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf8")) as Vectors;
const secretOf = (id: string) => vectors.secrets[id];
const keyOf = (id: string) => ({ id, secret: secretOf(id) ?? "" });
const key = keyOf("2026-11");

describe("signatures", () => {
  it("[P-SIG-1] [P-SIG-9] the examples of vectors/signing.json are signed with exactly their signatures, and verified", async () => {
    for (const each of vectors.requests) {
      expect(await signRequest(keyOf(each.key_id), each)).toBe(each.signature);
    }
    for (const each of vectors.publications) {
      const data = new JsonText(each.data);
      expect(await signPublication(keyOf(each.key_id), { ...each, data })).toBe(each.sig);
      expect(await verifyPublication({ ...each, data }, secretOf)).toEqual({
        valid: true,
        keyId: each.key_id,
        signedAt: each.timestamp,
        nonce: each.nonce,
      });
    }
  });

  it("[P-SIG-9] every refused example of vectors/signing.json is refused", async () => {
    for (const { name, of, ...changed } of vectors.refused) {
      const right = vectors.publications.find((each) => each.name === of);
      const data = new JsonText(changed.data ?? right?.data ?? "");
      const received = { channel: "", event: "", ...right, ...changed, data };
      const { valid } = await verifyPublication(received, secretOf);
      expect([name, valid]).toEqual([name, false]);
    }
  });

  it("[P-SIG-9] a reader accepts a publication as it was signed and refuses it with any part changed", async () => {
    const publication = { channel: "chat:42", event: "message", data: { a: [1, "ü\ud800", -0] } };
    const sig = await signPublication(key, { ...publication, key: "k" });
    const read = JSON.parse(JSON.stringify(publication)) as typeof publication;
    const right = { ...read, sig };
    expect(await verifyPublication(right, secretOf)).toMatchObject({ valid: true });
    const rolledUp = { ...right, channel: "chat:*", source: "chat:42" };
    expect(await verifyPublication(rolledUp, secretOf)).toMatchObject({ valid: true });
    for (const wrong of [
      { ...right, channel: "chat:4" },
      { ...right, source: "chat:43" },
      { ...right, event: "messages" },
      { ...right, data: { a: [1, "ü", -0] } },
      { ...right, sig: await signPublication({ ...key, secret: "x".repeat(32) }, publication) },
    ]) {
      expect(await verifyPublication(wrong, secretOf)).toEqual({
        valid: false,
        reason: "mismatch",
      });
    }
  });

  it("[P-SIG-9] a reader learns why a publication is not verified", async () => {
    const publication = { channel: "chat:42", event: "message", data: 1 };
    const sig = await signPublication(key, { ...publication, timestamp: 1_000 });
    const reasonFor = async (received: string | undefined, options = {}) =>
      verifyPublication({ ...publication, sig: received }, async (id) => secretOf(id), options);
    expect(await reasonFor(undefined)).toMatchObject({ reason: "unsigned" });
    expect(await reasonFor("x")).toMatchObject({ reason: "malformed" });
    expect(await reasonFor(sig.replace("k=2026-11", "k=other"))).toMatchObject({
      reason: "unknown_key",
    });
    expect(await reasonFor(sig)).toMatchObject({ valid: true });
    const aged = { now: 1_061, maxAgeS: 60 };
    expect(await reasonFor(sig, aged)).toMatchObject({ reason: "stale" });
    expect(await reasonFor(sig, { ...aged, now: 1_060 })).toMatchObject({ valid: true });
    expect(await reasonFor(sig, { ...aged, now: 1 })).toMatchObject({ reason: "stale" });
  });

  it("a secret of fewer than 32 bytes signs nothing", async () => {
    const short = { id: "k", secret: "x".repeat(31) };
    const request = { method: "POST", target: "/v1/publish", body: "" };
    await expect(signRequest(short, request)).rejects.toThrow("at least 32 bytes");
  });

  it("nonces that signRequest makes are different", async () => {
    const request = { method: "POST", target: "/v1/publish", body: "" };
    const made = await Promise.all(Array.from({ length: 100 }, () => signRequest(key, request)));
    const nonces = made.map((text) => (parseSignature(text) as { value: { nonce: string } }).value);
    expect(new Set(nonces.map(({ nonce }) => nonce)).size).toBe(100);
  });

  it("[P-SIG-2] parseSignature accepts what formatSignature writes, of any length that the grammar allows, and nothing else", () => {
    const longest = {
      timestamp: 999_999_999_999,
      nonce: "n".repeat(64),
      keyId: "k".repeat(64),
      keyHash: "0".repeat(64),
      mac: "f".repeat(64),
    };
    const text = formatSignature(longest);
    expect(text.length).toBeLessThanOrEqual(maxSignatureLength);
    expect(parseSignature(text)).toEqual({ ok: true, value: longest });
    const wrong = [text.slice(1), `${text}\n`, `${text} `, text.toUpperCase(), "", 1, null, [text]];
    for (const each of wrong) expect(parseSignature(each)).toMatchObject({ ok: false });
  });
});
