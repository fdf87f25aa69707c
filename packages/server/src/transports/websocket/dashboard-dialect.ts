import type { Encoder } from "@milepost/core";
import { encodeServerMessage, type ServerMessage } from "@milepost/protocol";

/**
 * Returns the encoder of the same door that writes replies as messages `ack` and `error`, for clients of protocols that
 * call them so. Everything else is that of the plain dialect.
 */
export function dashboardEncoder(plain: Encoder): Encoder {
  return {
    ...plain,
    encodeMessage: (message) =>
      message.type === "reply"
        ? plain.encodeText(answerText(message))
        : plain.encodeMessage(message),
  };
}

/** Returns a reply as the text of an `ack`, or of an `error` if it has one. Fields and their texts stay as they are. */
function answerText(reply: ServerMessage & { readonly type: "reply" }): string {
  const text = encodeServerMessage(reply);
  // The key of a field comes before any text of the client, whose quotes are escaped.
  if (!("error" in reply)) {
    return text.replace('"type":"reply"', '"type":"ack"').replace('"result":', '"data":');
  }
  const { code, message, retryable, retry_after_ms } = reply.error;
  const { event_id, timestamp, id } = reply;
  const data = {
    code,
    message,
    retryable,
    ...(retry_after_ms !== undefined && { retry_after_ms }),
  };
  return JSON.stringify({
    type: "error",
    ...(event_id !== undefined && { event_id }),
    ...(timestamp !== undefined && { timestamp }),
    id,
    data,
  });
}
