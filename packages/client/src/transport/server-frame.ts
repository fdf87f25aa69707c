import { isRecord, MilepostError } from "@milepost/protocol";

/** A message of the service as it came: an object with a `type`, the rest yet to be read. */
export interface RawMessage {
  readonly type: string;
  readonly [field: string]: unknown;
}

/**
 * Takes a frame apart into its messages; what is no message is left out and told to `refuse`.
 *
 * The service is not trusted to be well: a frame that makes no sense costs nothing but itself.
 */
export function readFrame(frame: unknown, refuse: (error: MilepostError) => void): RawMessage[] {
  let value = frame;
  try {
    if (typeof frame === "string") value = JSON.parse(frame);
  } catch (cause) {
    refuse(new MilepostError("bad_json", "the service sent a frame that is not JSON", { cause }));
    return [];
  }
  const messages: RawMessage[] = [];
  for (const message of Array.isArray(value) ? value : [value]) {
    if (isRecord(message) && typeof message.type === "string") messages.push(message as RawMessage);
    else refuse(new MilepostError("bad_message", "the service sent something without a type"));
  }
  return messages;
}
