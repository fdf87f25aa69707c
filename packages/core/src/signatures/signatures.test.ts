import type { SingleUse } from "@milepost/engine";
import { ManualClock } from "@milepost/engine/testing";
import { formatSignature, MilepostError, type Signature } from "@milepost/protocol";
import { describe, expect, it } from "vitest";
import type { ServicePrincipal } from "../rules/principal.ts";
import { createInstruments } from "../runtime/create-instruments.ts";
import { coreInstruments } from "../runtime/instruments.ts";
import { RecordingMeter } from "../testing/recording-meter.ts";
import type { ServiceSigning } from "./service-signing.ts";
import { Signatures } from "./signatures.ts";

const mac = "ab".repeat(32);

/** Signing of a service whose right signatures have the text of their subject and body as the only check. */
function signingOf(isRequired: boolean, seen: unknown[] = []): ServiceSigning {
  return {
    isRequired,
    signerOf(signature, subject, body) {
      seen.push([subject, body]);
      return signature.mac === mac ? "secret-1" : undefined;
    },
    hashOfKey: (key) => key.padEnd(64, "0"),
  };
}

function start(isRequired = false) {
  const clock = new ManualClock();
  const claims: unknown[] = [];
  const used = new Set<string>();
  const singleUse: SingleUse & { fails: boolean } = {
    fails: false,
    async claim(...claim) {
      if (singleUse.fails) throw new MilepostError("store_unavailable", "away");
      claims.push(claim);
      return used.size !== used.add(claim[1]).size;
    },
  };
  const meter = new RecordingMeter();
  const instruments = createInstruments(meter, coreInstruments, () => {});
  const limits = { signatureToleranceMs: 300_000 };
  const seen: unknown[] = [];
  const service: ServicePrincipal = {
    kind: "service",
    name: "orders",
    signing: signingOf(isRequired, seen),
  };
  const signatures = new Signatures({ singleUse, clock, limits, instruments });
  const signature = (rest: Partial<Signature> = {}) =>
    formatSignature({
      timestamp: Math.floor(clock.now() / 1_000),
      nonce: "nonce-of-a-test-0",
      keyId: "k1",
      mac,
      ...rest,
    });
  const faults = (fault: string) => meter.count("milepost_signatures_refused_total", { fault });
  return { clock, claims, singleUse, service, signatures, signature, faults, seen };
}

const request = { method: "POST", target: "/v1/publish?x=1", body: "{}" };
const publication = { channel: "chat:42", event: "note", json: "1" };
const bad = { code: "bad_signature", retryable: false };

describe("Signatures", () => {
  it("[P-SIG-3] a nonce is remembered as long as its signature is valid, and a minute more", async () => {
    const { signatures, service, signature, clock, claims } = start();
    const now = Math.floor(clock.now() / 1_000);
    for (const [ahead, nonce] of [
      [0, "nonce-of-a-test-1"],
      [-300, "nonce-of-a-test-2"],
      [300, "nonce-of-a-test-3"],
    ] as const) {
      const header = signature({ timestamp: now + ahead, nonce });
      await signatures.checkRequest(service, { ...request, header });
    }
    const short = clock.now() % 1_000;
    expect(claims).toEqual([
      ["nonce secret-1", "nonce-of-a-test-1", 360_000 - short],
      ["nonce secret-1", "nonce-of-a-test-2", 60_000 - short],
      ["nonce secret-1", "nonce-of-a-test-3", 660_000 - short],
    ]);
  });

  it("[P-SIG-2] only a right and timely signature uses up its nonce, and each refusal is counted by its fault", async () => {
    const { signatures, service, signature, claims, faults, clock } = start(true);
    const check = (header: string | undefined) =>
      signatures.checkRequest(service, { ...request, header });
    const now = Math.floor(clock.now() / 1_000);
    await expect(check(undefined)).rejects.toMatchObject(bad);
    await expect(check(signature({ mac: "cd".repeat(32) }))).rejects.toMatchObject(bad);
    await expect(check(signature({ keyHash: "0".repeat(64) }))).rejects.toMatchObject(bad);
    await expect(check("t=1")).rejects.toMatchObject(bad);
    await expect(check(signature({ timestamp: now + 301 }))).rejects.toMatchObject(bad);
    await expect(check(signature({ timestamp: now - 301 }))).rejects.toMatchObject(bad);
    expect(claims).toEqual([]);
    await check(signature());
    await expect(check(signature())).rejects.toMatchObject(bad);
    expect(["missing", "wrong", "stale", "used"].map(faults)).toEqual([1, 3, 2, 1]);
  });

  it("[P-SIG-3] while the store does not answer, a signed request is refused with store_unavailable", async () => {
    const { signatures, service, signature, singleUse } = start();
    singleUse.fails = true;
    const away = signatures.checkRequest(service, { ...request, header: signature() });
    await expect(away).rejects.toMatchObject({ code: "store_unavailable", retryable: true });
  });

  it("[P-SIG-1] the subject has method, target, key id and nonce, and that of a publication its type", async () => {
    const { signatures, service, signature, seen } = start();
    await signatures.checkRequest(service, { ...request, header: signature() });
    const keyHash = "k".padEnd(64, "0");
    const hex = keyHash.replace("k", "a");
    const sig = signature({ nonce: "nonce-of-a-test-9", keyHash: hex });
    await signatures.checkPublication(service, { ...publication, key: "a", sig });
    expect(seen).toEqual([
      ["POST /v1/publish?x=1 k1 nonce-of-a-test-0", "{}"],
      ["publish k1 nonce-of-a-test-9", `chat:42\nnote\n${hex}\n1`],
    ]);
  });

  it("[P-SIG-6] on a connection, a key that requires signatures needs a sig for each publish and may make no request", () => {
    const strict = start(true);
    expect(() => strict.signatures.requireSig(strict.service, undefined)).toThrow("sig");
    expect(() => strict.signatures.refuseUnsigned(strict.service)).toThrow("HTTP");
    strict.signatures.requireSig(strict.service, strict.signature());
    const lax = start(false);
    const unsigned: ServicePrincipal = { kind: "service", name: "other" };
    for (const service of [lax.service, unsigned]) {
      lax.signatures.requireSig(service, undefined);
      lax.signatures.refuseUnsigned(service);
    }
    expect(strict.faults("missing")).toBe(2);
  });

  it("[P-SIG-7] the sig of a publisher without signing keys is only read, and uses up no nonce", () => {
    const { signatures, signature, claims } = start();
    const unsigned: ServicePrincipal = { kind: "service", name: "other" };
    const sent = { ...publication, key: undefined, sig: signature({ mac: "00".repeat(32) }) };
    expect(signatures.checkPublication(unsigned, sent)).toBeUndefined();
    expect(() => signatures.checkPublication(unsigned, { ...sent, sig: "x" })).toThrow(
      "sig must be",
    );
    expect(claims).toEqual([]);
  });
});
