import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { Failure } from "@milepost/protocol";
import { type Problem, problemHeaders, problemOf } from "../../http/problem.ts";
import { safeHeaders } from "../../http/safe-headers.ts";

/**
 * Answers an upgrade request with a problem document instead of a WebSocket, and closes the socket.
 *
 * Node has no response object for an upgrade, so the answer is written to the raw socket.
 */
export function refuseUpgrade(socket: Duplex, refusal: Failure): void {
  refuseWith(socket, problemOf(refusal));
}

/** Answers a request on a raw socket with a problem document, and closes the socket. */
export function refuseWith(socket: Duplex, problem: Problem): void {
  if (socket.destroyed || socket.writableEnded) return;
  const body = JSON.stringify(problem);
  const headers: Record<string, string> = {
    ...safeHeaders,
    ...problemHeaders(problem),
    "Content-Length": String(Buffer.byteLength(body)),
    Connection: "close",
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.once("finish", destroy);
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ""}\r\n${lines.join("")}\r\n${body}`,
  );
}

function destroy(this: Duplex): void {
  this.destroy();
}
