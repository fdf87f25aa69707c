import { GatewaySocket } from "./connection.ts";
import { inflate } from "./deflate.ts";

type Inflated = (error: Error | null, bytes?: Uint8Array) => void;

const nothing = new Uint8Array();

/**
 * The ws socket of a connection that has agreed on compression.
 *
 * It is the extension that ws asks to inflate what comes in: ws's own keeps a zlib context per socket, of some 40 KB, as
 * soon as one message came. Here a message is inflated in one go, and nothing is kept. What goes out is not ws's to compress.
 */
export class DeflatingSocket extends GatewaySocket {
  /** Where ws looks for it: the one thing here that ws does not document. */
  protected readonly _extensions: Readonly<Record<string, unknown>> = {
    "permessage-deflate": this,
  };
  #fragments: Uint8Array[] | undefined;

  /** Called by ws with each frame of a compressed message; ws has seen to it that they are not too many or too large. */
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
    try {
      const message = inflate(whole, this.connection?.maxMessageBytes ?? 0);
      if (message !== undefined) {
        // ws goes on with the next frame in it, and must not do so within itself.
        process.nextTick(done, null, message);
        return;
      }
      this.close(1009);
    } catch {
      this.close(1007);
    }
    process.nextTick(done, new Error("a compressed message could not be read"));
  }

  /** Called by ws at the end. */
  cleanup(): void {
    this.#fragments = undefined;
  }
}
