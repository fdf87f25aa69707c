import { formatPosition, type GapReason, type ResetMessage } from "@milepost/protocol";
import type { Encoder } from "../send-queue/transport.ts";
import type { ChannelState } from "./recovery.ts";

interface Encoded {
  readonly cursor: string | undefined;
  readonly bytes: Uint8Array;
}

/**
 * A channel's state in the place of what was missed, on its way to one reader or to all.
 *
 * States can be large and readers many: those to whom the message reads the same share its bytes.
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

  /** The message, framed, for a reader whose place in all its channels is `cursor`; undefined: it is told none. */
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
