import { type ClientMessage, MilepostError, type ServerMessage } from "@milepost/protocol";
import type { Incoming } from "../dialects/literal-message.ts";
import { orThrow } from "../input/input.ts";
import { nobody } from "../limits/traffic.ts";
import { Usage } from "../limits/usage.ts";
import { isSamePerson, type Principal } from "../rules/principal.ts";
import type { Encoder, Transport } from "../send-queue/transport.ts";
import type { AddressableClient } from "./connected-client.ts";
import { Connection } from "./connection.ts";
import type { ConnectionContext } from "./connection-context.ts";
import { parserFor, valuesBeside } from "./frame.ts";
import { unitsOfMessage } from "./message-weight.ts";

/**
 * Handles a frame that arrived outside the stream of the connection `id`, and resolves with the replies to its
 * messages, in their order. Rejects if the frame is invalid.
 *
 * Without a live connection of the same user and session, messages that need no connection are still handled.
 * The others are answered with `not_found`.
 */
export async function handleUpstream(
  principal: Principal,
  id: string,
  frame: string,
  context: ConnectionContext,
): Promise<readonly ServerMessage[]> {
  const live = ownConnection(principal, id, context);
  const { messages, length } = readUpstream(principal, live, frame, context);
  const connection = live ?? new Connection(nowhere, { principal }, context);
  try {
    const replies: (ServerMessage | undefined | Promise<ServerMessage | undefined>)[] = [];
    await inTurns(principal, messages, context, (message) => {
      const refused = live === undefined ? refusalWithout(message) : undefined;
      replies.push(refused ?? connection.takeUpstream(message, length));
    });
    return (await Promise.all(replies)).filter((reply) => reply !== undefined);
  } finally {
    if (live === undefined) connection.abandon();
  }
}

/**
 * Handles a frame that arrived outside the stream of the connection `id`, and sends the replies in that stream.
 * Rejects with `not_found` if this node has no such connection of the same user and session.
 */
export async function forwardUpstream(
  principal: Principal,
  id: string,
  frame: string,
  context: ConnectionContext,
): Promise<void> {
  const connection = ownConnection(principal, id, context);
  const { messages, length } = readUpstream(principal, connection, frame, context);
  if (connection === undefined) {
    throw new MilepostError(
      "not_found",
      "this node has no stream with this id for your user and session; use the connection_id of an open stream",
    );
  }
  await inTurns(principal, messages, context, (message) => connection.take(message, length));
}

/**
 * Returns the messages of a frame and the average number of characters of one. Throws `rate_limited` if the client, its
 * connection included, is over a limit; the frame then has no effect.
 */
function readUpstream(
  principal: Principal,
  connection: AddressableClient | undefined,
  frame: string,
  { traffic }: ConnectionContext,
) {
  const { dialect } = connection ?? silent;
  const values = orThrow(valuesBeside(frame, dialect));
  const count = Math.max(1, values.length);
  if (connection !== undefined) connection.charge(count, frame.length);
  else traffic.charge(principal, { messages: count, bytes: frame.length, control: 0 });
  return { messages: values.map(parserFor(dialect)), length: frame.length / count };
}

/** Calls `take` with each message, as many in each turn of the event loop as the client may have handled. */
async function inTurns(
  principal: Principal,
  messages: readonly Incoming[],
  { traffic }: ConnectionContext,
  take: (message: Incoming) => void,
): Promise<void> {
  const alone = new Usage();
  const owners = principal.kind === "user" ? principal : nobody;
  for (const message of messages) {
    const units = unitsOfMessage(message);
    while (!traffic.turns.take(traffic.shareOf(alone, owners), units)) {
      await new Promise<void>((resolve) => traffic.turns.next(resolve));
    }
    take(message);
  }
}

/** Returns the live connection `id` if it belongs to the same user and session. */
function ownConnection(
  principal: Principal,
  id: string,
  { connections }: ConnectionContext,
): AddressableClient | undefined {
  const connection = connections.byId(id);
  const owner = connection?.principal;
  // The rule is the same for replacing a connection.
  return owner !== undefined && isSamePerson(principal, owner) ? connection : undefined;
}

/** Types of messages that need a lasting connection. */
const needsConnection: ReadonlySet<string> = new Set<ClientMessage["type"]>([
  "auth",
  "subscribe",
  "unsubscribe",
  "ack",
  "nack",
]);

function refusalWithout(message: Incoming): ServerMessage | undefined {
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
