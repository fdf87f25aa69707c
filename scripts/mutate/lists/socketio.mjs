import { faultsIn } from "../faults-in.mjs";

const socketio = "packages/socketio/src";

/** Faults in the bridge for pages of Socket.IO. */
export const socketioMutants = [
  ...faultsIn(`${socketio}/attachment.ts`, [
    [
      "if (!isIdOf(id, this.#connection.welcome)) {",
      "if (false) {",
      "a page with a token joins as anybody, in name",
    ],
    [
      "if (!isRecovered) beginSession(this.#socket);",
      "",
      "a page that has lost entries is told that it is recovered",
    ],
    [
      "if (resumes) this.#close();\n    else this.endWith(error);",
      "this.endWith(error);",
      "a page does not come back after its gateway was lost",
    ],
    ["this.#isPaused = true;\n", "", "any amount of data waits for a slow page"],
    [
      "replaces: offset?.connection,",
      "",
      "the old connection of a page that comes back counts for its user",
    ],
  ]),
  ...faultsIn(`${socketio}/beginning.ts`, [
    [
      "if (cursor.has(name) && !value.recovered && value.pending !== true) recovered = false;",
      "",
      "a channel that has lost entries counts as recovered",
    ],
    [
      "let recovered = own.length > 0 && own.every((channel) => cursor.has(channel));",
      "let recovered = true;",
      "the positions of another user's channels recover a page",
    ],
  ]),
  ...faultsIn(`${socketio}/bridge.ts`, [
    [
      "if (this.#admitting.has(connection)) {",
      "if (false) {",
      "a client opens any number of connections to the gateway",
    ],
    [
      "else if (!this.#admission.fits(request))",
      "else if (false)",
      "a bridge takes any number of connections",
    ],
    [
      "if (isPassing(error)) socket.conn.close();\n    else if",
      "if",
      "a page gives up when its gateway cannot be reached",
    ],
    [
      "else if (!origins.allow(origin)) {",
      "else if (false) {",
      "pages of every origin may connect over WebSocket",
    ],
  ]),
  ...faultsIn(`${socketio}/recovery-adapter.ts`, [
    [
      "if (recoverable(before).pid !== pid) return refused();",
      "",
      "whoever knows the id of a socket ends it and takes its id",
    ],
    ["before.disconnect(true);", "", "two sockets have one id"],
  ]),
  ...faultsIn(`${socketio}/gateway-connection.ts`, [
    [
      "if (options.isAlive()) socket.pong(data);",
      "socket.pong(data);",
      "a page that is gone keeps its place",
    ],
    [
      'else this.#positions.set(channel, message.type === "gap" ? message.to : message.position);',
      "",
      "a page gets entries twice when it recovers",
    ],
    [
      "this.#ended(endOf(1006, refusedConnect(statusCode)));",
      "",
      "a page waits for a gateway that has refused it",
    ],
  ]),
  ...faultsIn(`${socketio}/packet-rate.ts`, [
    [
      'if (ahead <= 0) return "accept";',
      'return "accept";',
      "a page may send messages without end",
    ],
  ]),
];
