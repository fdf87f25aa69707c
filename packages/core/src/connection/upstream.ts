import {
  type ClientMessage,
  MilepostError,
  type ParsedMessage,
  parseClientMessage,
  type ServerMessage,
  splitFrame,
} from "@milepost/protocol";
import { orThrow } from "../input/input.ts";
import type { UserPrincipal } from "../rules/principal.ts";
import type { Encoder, Transport } from "../send-queue/transport.ts";
import type { AddressableClient } from "./connected-client.ts";
import { Connection } from "./connection.ts";
import type { ConnectionContext } from "./connection-context.ts";

/**
 * Handles a frame that came beside the stream of the connection `id`, and resolves with the replies to its
 * messages, in their order. Rejects what is no frame.
 *
 * Without such a connection of the same user and session, what needs none is done all the same.
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

/** The same with the replies down the stream; throws `not_found` where there is none. */
export function forwardUpstream(
  principal: UserPrincipal,
  id: string,
  frame: string,
  context: ConnectionContext,
): void {
  const { messages, length } = readUpstream(frame);
  const connection = ownConnection(principal, id, context);
  if (connection === undefined) {
    throw new MilepostError("not_found", "none of your streams has this id here");
  }
  for (const message of messages) connection.take(message, length);
}

/** The messages of a frame, and about how long each is. */
function readUpstream(frame: string) {
  const values = orThrow(splitFrame(frame));
  const length = frame.length / Math.max(1, values.length);
  return { messages: values.map(parseClientMessage), length };
}

/** The live connection `id`, if it is of the same user and session. */
function ownConnection(
  { user, session }: UserPrincipal,
  id: string,
  { connections }: ConnectionContext,
): AddressableClient | undefined {
  const connection = connections.byId(id);
  const owner = connection?.principal;
  // Without a user and a session there is nobody whose connection it could be, as for a replacement.
  if (user === undefined && session === undefined) return undefined;
  return owner?.user === user && owner?.session === session ? connection : undefined;
}

/** What only a connection that goes on can do. */
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
    `${type} needs a stream, and none of yours has this id here`,
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

/** The transport of a connection whose replies all go elsewhere. */
const nowhere: Transport = {
  encoder: silent,
  passes: true,
  bufferedBytes: 0,
  write() {},
  close() {},
  terminate() {},
  ping() {},
};
