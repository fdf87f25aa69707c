import {
  carriedFields,
  type DialectName,
  type Parsed,
  parseCarrying,
  parseClientMessage,
  parsed,
  refused,
  splitFrame,
} from "@milepost/protocol";
import { bareCarriedFields, parseBareMessage } from "../dialects/bare-messages.ts";
import type { Incoming } from "../dialects/literal-message.ts";
import type { SplitFrame } from "../send-queue/transport.ts";

/** A binary frame with the function that splits it into its messages. */
interface BinaryFrame {
  readonly bytes: Uint8Array;
  readonly split: SplitFrame;
}

/** Frame of a kind that the connection's dialect does not carry. */
export const unsupportedFrame = Symbol("unsupported frame");

/** A frame as it was received. */
export type Frame = string | BinaryFrame | typeof unsupportedFrame;

/** Splits a frame into the values of its messages, or says why it cannot be split. */
export function valuesIn(frame: Frame, dialect: DialectName): Parsed<readonly unknown[]> {
  if (frame === unsupportedFrame) {
    return refused(
      "bad_message",
      dialect === "milepost.v1.msgpack"
        ? "this connection uses msgpack; send binary frames instead of text"
        : "this connection uses JSON; send text frames instead of binary",
    );
  }
  if (typeof frame !== "string") return frame.split(frame.bytes);
  if (dialect !== "plain") return splitFrame(frame);
  const json = parseCarrying(frame, bareCarriedFields);
  return json.ok ? parsed([json.value]) : json;
}

/** Splits a frame that arrived beside the stream of a client with this dialect; it may hold an array of messages. */
export function valuesBeside(frame: string, dialect: DialectName): Parsed<readonly unknown[]> {
  return splitFrame(frame, dialect === "plain" ? bareCarriedFields : carriedFields);
}

/** Returns the parser for the messages of clients with this dialect. */
export function parserFor(dialect: DialectName): (value: unknown) => Incoming {
  return dialect === "plain" ? parseBareMessage : parseClientMessage;
}
