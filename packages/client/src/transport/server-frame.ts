import { isRecord, MilepostError } from "@milepost/protocol";

/** Message of the gateway as it arrived: an object with a `type` and fields that are not validated yet. */
export interface RawMessage {
  readonly type: string;
  readonly [field: string]: unknown;
}

/**
 * Splits a frame into its messages. Anything else in the frame is left out and reported to `refuse`.
 *
 * The gateway's output is not trusted: an unreadable frame is dropped and has no other effect.
 */
export function readFrame(frame: unknown, refuse: (error: MilepostError) => void): RawMessage[] {
  let value = frame;
  try {
    if (typeof frame === "string") value = JSON.parse(frame);
  } catch (cause) {
    refuse(new MilepostError("bad_json", "the gateway sent a frame that is not JSON", { cause }));
    return [];
  }
  const messages: RawMessage[] = [];
  for (const message of Array.isArray(value) ? value : [value]) {
    if (isRecord(message) && typeof message.type === "string") messages.push(message as RawMessage);
    else refuse(new MilepostError("bad_message", "the gateway sent a message without a type"));
  }
  return messages;
}
