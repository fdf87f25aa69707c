import crypto, { createHmac } from "node:crypto";
import { messageBounds } from "@milepost/protocol";

const blockBytes = 64;
const hashBytes = 32;
const innerPad = 0x36;
const outerPad = 0x5c;

/** The hash in one call, which Node has from 20.12 on. */
const oneShot = (crypto as Partial<typeof crypto>).hash;

/**
 * Secret that makes codes of HMAC-SHA-256 (RFC 2104).
 *
 * Each code takes two hashes of one call each. `createHmac` makes an object of the library for every code, which costs
 * more, and costs again when it is collected.
 */
export class HmacKey {
  readonly #secret: Buffer;
  /** Padded secret, followed by room for a text. */
  readonly #inner = Buffer.alloc(blockBytes + messageBounds.tokenLength);
  /** Padded secret, followed by room for the inner hash. */
  readonly #outer = Buffer.alloc(blockBytes + hashBytes);

  constructor(secret: Uint8Array) {
    this.#secret = Buffer.from(secret);
    const key =
      secret.byteLength > blockBytes
        ? crypto.createHash("sha256").update(secret).digest()
        : this.#secret;
    for (let at = 0; at < blockBytes; at++) {
      const byte = key[at] ?? 0;
      this.#inner[at] = byte ^ innerPad;
      this.#outer[at] = byte ^ outerPad;
    }
  }

  /** Returns the code of a text of ASCII, such as a signed part of a token. */
  codeOf(text: string): Buffer {
    const end = blockBytes + text.length;
    if (oneShot === undefined || end > this.#inner.length) {
      return createHmac("sha256", this.#secret).update(text).digest();
    }
    this.#inner.write(text, blockBytes, "latin1");
    oneShot("sha256", this.#inner.subarray(0, end), "buffer").copy(this.#outer, blockBytes);
    return oneShot("sha256", this.#outer, "buffer");
  }
}
