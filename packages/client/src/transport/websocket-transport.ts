import { jsonSubprotocol, shortSuffix, tokenSubprotocolPrefix } from "@milepost/protocol";
import type { ClientOptions } from "../client.ts";
import { ticketMark } from "../connection/token.ts";
import type { Codec } from "./codec.ts";
import { sdkName } from "./sdk.ts";
import { Socket, type WebSocketConstructor } from "./socket.ts";
import type { Transport } from "./transport.ts";

/** Characters that a subprotocol may have; a token with others is sent as the first message instead. */
const subprotocolCharacters = /^[A-Za-z0-9._~-]+$/;

/**
 * Returns the transport over the option `webSocket` or the platform's `WebSocket`; undefined if there is
 * neither.
 */
export function webSocketOf({ webSocket, codec }: ClientOptions): Transport | undefined {
  const available = webSocket ?? globalThis.WebSocket;
  return available && webSocketTransport(available, codec);
}

/** Returns the WebSocket transport. */
export function webSocketTransport(
  webSocket: WebSocketConstructor,
  codec: Codec | undefined,
): Transport {
  return {
    name: "websocket",
    open({ url, token, connectionId }, events) {
      const protocols: string[] = [jsonSubprotocol];
      if (codec) protocols.unshift(codec.subprotocol);
      protocols.unshift(protocols[0] + shortSuffix);
      const ticket = token?.startsWith(ticketMark) ? token.slice(1) : undefined;
      const offered = token !== undefined && subprotocolCharacters.test(token);
      if (offered) protocols.push(`${tokenSubprotocolPrefix}${token}`);
      const target = new URL(url);
      target.searchParams.set("sdk", sdkName());
      if (ticket) target.searchParams.set("ticket", ticket);
      if (connectionId !== undefined) target.searchParams.set("connection_id", connectionId);
      const socket = new Socket(webSocket, target.href, protocols, codec, {
        onOpen: () => {
          if (token !== undefined && !offered && !ticket) {
            socket.send([JSON.stringify({ type: "auth", token })]);
          }
        },
        onFrame: (frame, bytes) => events.onFrame(frame, bytes),
        onClose: (code, reason) => events.onClose(code, reason),
      });
      return socket;
    },
  };
}
