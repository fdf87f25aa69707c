import { isRecord, MilepostError } from "@milepost/protocol";
import type { Socket } from "socket.io";

const maxTokenLength = 16_384;

/** Token and session that a client shows when it connects. */
export interface Handshake {
  readonly token: string | undefined;
  readonly session: string | undefined;
}

/**
 * Reads the credential of a connect: `auth: {token, sessionId?}`, or a header `Authorization: Bearer`. Throws
 * `unauthenticated` for a token that is no text or too long.
 */
export function readHandshake({ auth, headers }: Socket["handshake"]): Handshake {
  const { token, sessionId, session } = isRecord(auth) ? auth : {};
  const named = sessionId ?? session;
  return {
    token: token === undefined || token === null ? bearerOf(headers.authorization) : tokenOf(token),
    session: typeof named === "string" ? named : undefined,
  };
}

/** Returns a token that a client sent. */
export function tokenOf(value: unknown): string {
  if (typeof value === "string" && value !== "" && value.length <= maxTokenLength) {
    return bearerOf(value) ?? value;
  }
  throw new MilepostError("unauthenticated", "the token must be a text; pass it as auth: {token}");
}

function bearerOf(text: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(text ?? "")?.[1];
}

/** Returns the id in the payload of `client:join`: the id itself, or `{userId}`. */
export function joinedId(payload: unknown): string {
  const id = isRecord(payload) ? (payload.userId ?? payload.user_id) : payload;
  if (typeof id === "string" && id !== "" && id.length <= 1_024) return id;
  throw new MilepostError("bad_message", "client:join needs the id of the user: {userId}");
}
