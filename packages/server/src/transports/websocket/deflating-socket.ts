import { GatewaySocket } from "./connection.ts";
import { inflate } from "./deflate.ts";

type Inflated = (error: Error | null, bytes?: Uint8Array) => void;

const nothing = new Uint8Array();

/**
 * The ws socket of a connection with compression.
 *
 * It acts as the extension that ws asks to inflate messages. The extension of ws itself would keep a zlib
 * context of some 40 KB per socket after the first message. This class inflates each message at once and keeps
 * nothing. Outgoing messages are not compressed by ws.
 */
export class DeflatingSocket extends GatewaySocket {
  protected override readonly _extensions: Readonly<Record<string, unknown>> = {
    "permessage-deflate": this,
  };
  #fragments: Uint8Array[] | undefined;

  /**
   * Receives each frame of a compressed message and inflates the message at its last frame.
   *
   * The ws library calls this method, and has already bounded the number and size of the frames.
   */
  decompress(fragment: Uint8Array, isLast: boolean, done: Inflated): void {
    if (!isLast) {
      this.#fragments ??= [];
      this.#fragments.push(fragment);
      process.nextTick(done, null, nothing);
      return;
    }
    const whole =
      this.#fragments === undefined ? fragment : Buffer.concat([...this.#fragments, fragment]);
    this.#fragments = undefined;
    const inflateWhole = () => this.#inflate(whole, done);
    if (this.connection === undefined) inflateWhole();
    else this.connection.inflateInTurn(inflateWhole);
  }

  #inflate(whole: Uint8Array, done: Inflated): void {
    try {
      const message = inflate(whole, this.connection?.maxMessageBytes ?? 0);
      if (message !== undefined) {
        // ws reads the next frame inside `done`, so `done` must not run within this call.
        process.nextTick(done, null, message);
        return;
      }
      this.close(1009);
    } catch {
      this.close(1007);
    }
    process.nextTick(done, new Error("a compressed message could not be read"));
  }

  /** Drops an unfinished message; ws calls this method when the socket ends. */
  cleanup(): void {
    this.#fragments = undefined;
  }
}
