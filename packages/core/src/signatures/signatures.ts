import type { Clock, SingleUse } from "@milepost/engine";
import {
  MilepostError,
  parseSignature,
  publishBody,
  publishSubject,
  requestSubject,
  type Signature,
} from "@milepost/protocol";
import type { Principal, ServicePrincipal } from "../rules/principal.ts";
import type { CoreInstruments, signatureFaults } from "../runtime/instruments.ts";
import type { CoreLimits } from "../runtime/limits.ts";

/** Time that a nonce is remembered beyond its signature's validity, since the clocks of nodes may differ. */
const clockAllowanceMs = 60_000;

/** Request as the gateway received it. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path with its query exactly as received, beginning with `/v1/`. */
  readonly target: string;
  readonly body: string | Uint8Array;
  /** Value of the header `Milepost-Signature`. */
  readonly header: string | undefined;
}

/** Publication whose signature is verified. */
export interface SignedPublication {
  readonly channel: string;
  readonly event: string;
  readonly json: string;
  readonly key: string | undefined;
  readonly sig: string;
}

/** Verifies what services sign: whole requests, and publications whose signature travels with them. */
export interface SignatureChecks {
  /**
   * Verifies the signature of a request. A request that changes nothing, or whose API key does not require it, needs
   * none; a signature that is there is verified in any case. Rejects with `bad_signature`, or with
   * `store_unavailable` when the store cannot tell whether the nonce was used.
   */
  checkRequest(principal: Principal, request: ReceivedRequest): Promise<void>;
}

/** Parts of the node that {@link Signatures} uses. */
export interface SignaturesParts {
  readonly singleUse: SingleUse;
  readonly clock: Clock;
  readonly limits: Pick<CoreLimits, "signatureToleranceMs">;
  readonly instruments: Pick<CoreInstruments, "signaturesRefused">;
}

/** Reason why a signature was refused. */
type Fault = (typeof signatureFaults)[number];

/**
 * The one place that decides on signatures. The secrets stay with the principal; each nonce counts once over all
 * nodes, and only a nonce with a right signature is remembered.
 */
export class Signatures implements SignatureChecks {
  readonly #parts: SignaturesParts;

  constructor(parts: SignaturesParts) {
    this.#parts = parts;
  }

  async checkRequest(
    principal: Principal,
    { method, target, body, header }: ReceivedRequest,
  ): Promise<void> {
    const signing = principal.kind === "service" ? principal.signing : undefined;
    if (header === undefined) {
      if (signing?.isRequired !== true || readOnly.has(method)) return;
      throw this.#refusal(
        "missing",
        "this API key must sign its requests; send the header Milepost-Signature",
      );
    }
    if (principal.kind !== "service" || signing === undefined) {
      throw this.#refusal(
        "wrong",
        "this credential has no signing keys; add signing to the API key, or send no Milepost-Signature",
      );
    }
    const read = parseSignature(header);
    if (!read.ok || read.value.keyHash !== undefined) {
      throw this.#refusal(
        "wrong",
        "Milepost-Signature must be t=<seconds>,n=<nonce>,k=<key id>,v1=<hex>, in this order",
      );
    }
    await this.#check(principal, read.value, requestSubject(method, target, read.value), body);
  }

  /**
   * Verifies the signature that is to travel with a publication, if the publisher's API key has signing keys. One of
   * another publisher only needs the right form: it is for readers, whose secrets the gateway does not know. Returns
   * undefined if there is nothing to wait for.
   */
  checkPublication(
    principal: Principal,
    publication: SignedPublication,
  ): Promise<void> | undefined {
    const { channel, event, json, key, sig } = publication;
    const read = parseSignature(sig);
    if (!read.ok) throw new MilepostError("bad_message", `sig ${read.failure.message}`);
    if (principal.kind !== "service" || principal.signing === undefined) return undefined;
    const { keyHash } = read.value;
    const expected = key === undefined ? undefined : principal.signing.hashOfKey(key);
    if (keyHash !== expected) {
      throw this.#refusal(
        "wrong",
        "sig was made for another key; sign with the key of the publish",
      );
    }
    const body = publishBody({ channel, event, json, keyHash });
    return this.#check(principal, read.value, publishSubject(read.value), body);
  }

  /** Refuses a request on a connection if its API key requires signatures: such a message has none. */
  refuseUnsigned(principal: Principal): void {
    if (principal.kind !== "service" || principal.signing?.isRequired !== true) return;
    throw this.#refusal(
      "missing",
      "this API key must sign what it does, and a request on a connection cannot be signed; use HTTP",
    );
  }

  /** Refuses a publish on a connection that is not signed although its API key requires it. */
  requireSig(principal: Principal, sig: string | undefined): void {
    if (sig !== undefined || principal.kind !== "service") return;
    if (principal.signing?.isRequired !== true) return;
    throw this.#refusal("missing", "this API key must sign its publishes; send the field sig");
  }

  #check(
    { signing }: ServicePrincipal,
    signature: Signature,
    subject: string,
    body: string | Uint8Array,
  ): Promise<void> {
    const signer = signing?.signerOf(signature, subject, body);
    if (signer === undefined) {
      throw this.#refusal(
        "wrong",
        "the signature does not match; sign exactly what is sent, with a secret of this API key",
      );
    }
    const { clock, limits } = this.#parts;
    const toleranceMs = limits.signatureToleranceMs;
    const aheadMs = signature.timestamp * 1_000 - clock.now();
    if (!(Math.abs(aheadMs) <= toleranceMs)) {
      throw this.#refusal(
        "stale",
        `the time of the signature is ${Math.round(Math.abs(aheadMs) / 1_000)} s ${aheadMs < 0 ? "behind" : "ahead of"} the gateway's clock; sign again, or set the clock`,
      );
    }
    return this.#useUp(signer, signature.nonce, aheadMs + toleranceMs + clockAllowanceMs);
  }

  async #useUp(signer: string, nonce: string, ttlMs: number): Promise<void> {
    // Each secret has a space of its own, so that a busy signer takes no room of another.
    if (await this.#parts.singleUse.claim(`nonce ${signer}`, nonce, ttlMs)) return;
    throw this.#refusal(
      "used",
      "the nonce of this signature was used before; sign each request anew",
    );
  }

  #refusal(fault: Fault, message: string): MilepostError {
    this.#parts.instruments.signaturesRefused[fault].add(1);
    return new MilepostError("bad_signature", message);
  }
}

/** Methods of requests that change nothing. */
const readOnly: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
