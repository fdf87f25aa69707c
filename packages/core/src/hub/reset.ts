import { formatPosition, type GapReason, type ResetMessage } from "@milepost/protocol";
import type { Encoder } from "../send-queue/transport.ts";
import type { ChannelState } from "./recovery.ts";

interface Encoded {
  readonly cursor: string | undefined;
  readonly bytes: Uint8Array;
}

/**
 * Channel state that is sent to one subscriber, or to all, in place of the entries they missed.
 *
 * States can be large and subscribers many. Subscribers whose reset message is identical share its encoded
 * bytes.
 */
export class Reset {
  readonly channel: string;
  readonly state: ChannelState;
  readonly reason: GapReason;
  #encoded: Map<Encoder, Encoded> | undefined;

  constructor(channel: string, state: ChannelState, reason: GapReason) {
    this.channel = channel;
    this.state = state;
    this.reason = reason;
  }

  /**
   * Returns the framed message for a subscriber whose cursor over all its channels is `cursor`. Without a
   * cursor the message has no `event_id`.
   */
  encode(encoder: Encoder, cursor: string | undefined): Uint8Array {
    const known = this.#encoded?.get(encoder);
    if (known !== undefined && known.cursor === cursor) return known.bytes;
    const { position, snapshot } = this.state;
    const message: ResetMessage = {
      type: "reset",
      channel: this.channel,
      position: formatPosition(position),
      snapshot,
      reason: this.reason,
      ...(cursor === undefined ? {} : { event_id: cursor }),
    };
    const bytes = encoder.encodeMessage(message);
    this.#encoded ??= new Map();
    this.#encoded.set(encoder, { cursor, bytes });
    return bytes;
  }
}
