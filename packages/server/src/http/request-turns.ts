import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Number of requests of one connection that may wait for the answers before them. */
const maxWaiting = 100;

const last: unique symbol = Symbol("last answer");
const waiting: unique symbol = Symbol("waiting requests");

interface TurnSocket extends Socket {
  [last]?: ServerResponse;
  [waiting]?: number;
}

/**
 * Handles the requests of one HTTP connection one after the other: each when the answer before it has left the gateway.
 *
 * A client may send many requests without reading an answer. If all were handled at once, the gateway would hold all their
 * answers. A connection with more than 100 requests that wait is closed.
 */
export function inTurn(
  request: IncomingMessage,
  response: ServerResponse,
  handle: () => void,
): void {
  const socket: TurnSocket = request.socket;
  const before = socket[last];
  socket[last] = response;
  if (before === undefined || before.writableFinished || before.destroyed) {
    handle();
    return;
  }
  const count = (socket[waiting] ?? 0) + 1;
  if (count > maxWaiting) {
    socket.destroy();
    return;
  }
  socket[waiting] = count;
  before.once("close", () => {
    socket[waiting] = (socket[waiting] ?? 1) - 1;
    if (!socket.destroyed) handle();
  });
}
