import {
  type ClientMessage,
  MilepostError,
  type ParsedMessage,
  parseClientMessage,
  type ServerMessage,
  splitFrame,
} from "@milepost/protocol";
import { orThrow } from "../input/input.ts";
import { isSamePerson, type UserPrincipal } from "../rules/principal.ts";
import type { Encoder, Transport } from "../send-queue/transport.ts";
import type { AddressableClient } from "./connected-client.ts";
import { Connection } from "./connection.ts";
import type { ConnectionContext } from "./connection-context.ts";

/**
 * Handles a frame that arrived outside the stream of the connection `id`, and resolves with the replies to its
 * messages, in their order. Rejects if the frame is invalid.
 *
 * Without a live connection of the same user and session, messages that need no connection are still handled.
 * The others are answered with `not_found`.
 */
export async function handleUpstream(
  principal: UserPrincipal,
  id: string,
  frame: string,
  context: ConnectionContext,
): Promise<readonly ServerMessage[]> {
  const { messages, length } = readUpstream(frame);
  const live = ownConnection(principal, id, context);
  const connection = live ?? new Connection(nowhere, { principal }, context);
  try {
    const replies = await Promise.all(
      messages.map((message) => {
        const refused = live === undefined ? refusalWithout(message) : undefined;
        return refused ?? connection.takeUpstream(message, length);
      }),
    );
    return replies.filter((reply) => reply !== undefined);
  } finally {
    if (live === undefined) connection.abandon();
  }
}

/**
 * Handles a frame that arrived outside the stream of the connection `id`, and sends the replies in that stream.
 * Throws `not_found` if this node has no such connection of the same user and session.
 */
export function forwardUpstream(
  principal: UserPrincipal,
  id: string,
  frame: string,
  context: ConnectionContext,
): void {
  const { messages, length } = readUpstream(frame);
  const connection = ownConnection(principal, id, context);
  if (connection === undefined) {
    throw new MilepostError(
      "not_found",
      "this node has no stream with this id for your user and session; use the connection_id of an open stream",
    );
  }
  for (const message of messages) connection.take(message, length);
}

/** Returns the messages of a frame and the average number of characters of one. */
function readUpstream(frame: string) {
  const values = orThrow(splitFrame(frame));
  const length = frame.length / Math.max(1, values.length);
  return { messages: values.map(parseClientMessage), length };
}

/** Returns the live connection `id` if it belongs to the same user and session. */
function ownConnection(
  principal: UserPrincipal,
  id: string,
  { connections }: ConnectionContext,
): AddressableClient | undefined {
  const connection = connections.byId(id);
  const owner = connection?.principal;
  // The rule is the same for replacing a connection.
  return owner !== undefined && isSamePerson(principal, owner) ? connection : undefined;
}

/** Types of messages that need a lasting connection. */
const needsConnection: ReadonlySet<ClientMessage["type"]> = new Set([
  "auth",
  "subscribe",
  "unsubscribe",
  "ack",
  "nack",
]);

function refusalWithout(message: ParsedMessage): ServerMessage | undefined {
  if (!message.ok || !needsConnection.has(message.value.type)) return undefined;
  const { type } = message.value;
  const id = "id" in message.value ? (message.value.id ?? null) : null;
  const error = new MilepostError(
    "not_found",
    `${type} needs an open stream, and this node has none with this id for your user and session`,
  ).toFailure();
  return { type: "reply", id, error };
}

const nothing = new Uint8Array();

const silent: Encoder = {
  dialect: "milepost.v1.json",
  encodeBatch: () => nothing,
  encodeMessage: () => nothing,
  encodeText: () => nothing,
};

/**
 * Transport for a frame without a live connection. All replies are returned to the caller, so it discards every
 * write.
 */
const nowhere: Transport = {
  encoder: silent,
  passes: true,
  bufferedBytes: 0,
  write() {},
  close() {},
  terminate() {},
  ping() {},
};
