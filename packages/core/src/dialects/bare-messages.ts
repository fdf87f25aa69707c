import { isRecord, parseClientMessage, readExactly } from "@milepost/protocol";
import { chatMessages } from "./chat-messages.ts";
import type { Incoming, LiteralReader } from "./literal-message.ts";

/**
 * Messages that bare clients may send beside those of the protocol, by type. Each family has a file here, and a line
 * in this table.
 */
const literals: ReadonlyMap<string, LiteralReader> = new Map(Object.entries({ ...chatMessages }));

/** Fields of a bare client's message whose text is kept, so that no digit is lost before the message is understood. */
export const bareCarriedFields: readonly string[] = ["data", "params", "payload", "attachments"];

/**
 * Parses one message of a client in the plain dialect: a message of the protocol, or one of {@link literals}, which is
 * translated in its turn. Has no side effect and never throws.
 */
export function parseBareMessage(value: unknown): Incoming {
  if (!isRecord(value) || typeof value.type !== "string") return parseClientMessage(value);
  const reader = literals.get(value.type);
  if (reader !== undefined) return reader(value);
  return parseClientMessage(value.type === "auth" ? withPayload(value) : value);
}

/** Returns an `auth` with the fields of its payload, if it has one. */
function withPayload(message: Record<string, unknown>): unknown {
  if (message.payload === undefined) return message;
  const payload = readExactly(message.payload, "payload");
  return payload.ok && isRecord(payload.value) ? { ...payload.value, ...message } : message;
}
