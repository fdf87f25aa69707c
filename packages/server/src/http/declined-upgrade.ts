import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { failure } from "@milepost/protocol";
import { refuseUpgrade } from "../transports/websocket/refusal.ts";
import type { HttpServer } from "./http-server.ts";

/** True when a request offers to upgrade to a WebSocket, and to nothing else. */
export function offersWebSocket(request: Pick<IncomingMessage, "headers">): boolean {
  return request.headers.upgrade?.toLowerCase() === "websocket";
}

/**
 * Makes the server answer a request as if it had offered no upgrade, as RFC 9110 asks of a server that does not
 * know the other protocol.
 *
 * Clients that prefer HTTP/2 (Java's, `curl --http2`) offer `h2c` with every first request. Node emits all
 * offers as upgrades as soon as the server has an upgrade listener. This function puts the request back into
 * the socket, without the offer, and the server parses the connection again. Like Node itself, it does not wait
 * for earlier answers: an offer pipelined behind an unanswered request may get no answer.
 */
export function declineUpgrade(
  server: HttpServer,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const { method, url, httpVersion, rawHeaders } = request;
  const mostHeaders = Math.min(server.maxHeadersCount || readHeaders, readHeaders);
  // Node's parser drops headers beyond its limit. If it dropped Content-Length, the body would be parsed as a
  // request.
  if (rawHeaders.length >= 2 * mostHeaders) {
    socket.on("error", () => socket.destroy());
    refuseUpgrade(
      socket,
      failure(
        "bad_message",
        "too many headers for a request with an Upgrade; send fewer headers, or no Upgrade",
      ),
    );
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
