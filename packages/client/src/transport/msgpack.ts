import { decodeMsgpack, encodeMsgpack, msgpackSubprotocol } from "@milepost/protocol";
import type { Codec } from "./codec.ts";

/**
 * Maximum nesting depth of a value. It is larger than the deepest published data together with the message
 * around it.
 */
const maxDepth = 256;

/**
 * Codec for msgpack, smaller than JSON: pass it as `codec` to `createClient`.
 *
 * Both encodings deliver the same values, with two exceptions. Half a surrogate pair in a text becomes U+FFFD,
 * because UTF-8 cannot carry it. A number that no number of msgpack can carry arrives as a string.
 */
export const msgpack: Codec = {
  subprotocol: msgpackSubprotocol,
  encode: (value) => encodeMsgpack(value) as Uint8Array<ArrayBuffer>,
  decode(frame) {
    const value = decodeMsgpack(frame, { maxDepth, rounds: true });
    return value.ok ? value.value : undefined;
  },
};
