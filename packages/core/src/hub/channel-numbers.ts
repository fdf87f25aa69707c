import { type ChannelNumber, numberMessage } from "@milepost/protocol";
import type { Encoder } from "../send-queue/transport.ts";

/** Number of one log of a channel on this node, with the message that introduces it. */
export class HubNumber implements ChannelNumber {
  readonly number: number;
  readonly channel: string;
  readonly epoch: string;
  readonly ts: number;
  #encoder: Encoder | undefined;
  #bytes: Uint8Array = nothing;

  constructor(number: number, channel: string, epoch: string, ts: number) {
    this.number = number;
    this.channel = channel;
    this.epoch = epoch;
    this.ts = ts;
  }

  /** Returns the framed message that tells a client the number. Readers with the same encoder share it. */
  introduction(encoder: Encoder): Uint8Array {
    if (this.#encoder !== encoder) {
      this.#encoder = encoder;
      this.#bytes = encoder.encodeMessage(numberMessage(this));
    }
    return this.#bytes;
  }
}

const nothing = new Uint8Array();

/**
 * Numbers of the channels of a node in the short form. A number is one for all connections, so that they share the same
 * bytes. It is used again once its channel has no subscribers here or its log has begun anew.
 */
export class ChannelNumbers {
  readonly #free: number[] = [];
  #count = 0;

  /** Number of numbers in use. */
  get size(): number {
    return this.#count - this.#free.length;
  }

  take(channel: string, epoch: string, ts: number): HubNumber {
    return new HubNumber(this.#free.pop() ?? ++this.#count, channel, epoch, ts);
  }

  release({ number }: HubNumber): void {
    this.#free.push(number);
  }
}
