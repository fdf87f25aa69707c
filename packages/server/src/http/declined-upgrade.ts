import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { failure } from "@milepost/protocol";
import { refuseUpgrade } from "../transports/websocket/refusal.ts";
import type { HttpServer } from "./http-server.ts";

/** Whether a request offers to become a WebSocket, and not something else. */
export function offersWebSocket(request: Pick<IncomingMessage, "headers">): boolean {
  return request.headers.upgrade?.toLowerCase() === "websocket";
}

/**
 * Has the server answer a request as if it had offered no upgrade, which is what RFC 9110 wants of a
 * server that does not know the other protocol.
 *
 * Clients that would like HTTP/2 (Java's, `curl --http2`) offer `h2c` with every first request, and Node
 * hands all offers out as soon as somebody takes WebSockets. The request goes back to where it came from,
 * without the offer, and the server reads the connection anew. What is pipelined behind it before it is
 * answered is not waited for, as little as by Node itself.
 */
export function declineUpgrade(
  server: HttpServer,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const { method, url, httpVersion, rawHeaders } = request;
  const mostHeaders = Math.min(server.maxHeadersCount || readHeaders, readHeaders);
  // The parser drops what is beyond; without the length of its body the rest would pass for a request.
  if (rawHeaders.length >= 2 * mostHeaders) {
    socket.on("error", () => socket.destroy());
    refuseUpgrade(socket, failure("bad_message", "too many headers for a request with an Upgrade"));
    return;
  }
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = rawHeaders.slice(at, at + 2);
    if (!offer.has(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), head]));
  server.emit("encrypted" in socket ? "secureConnection" : "connection", socket);
}

const readHeaders = 100;
const offer: ReadonlySet<string> = new Set(["upgrade", "http2-settings"]);
