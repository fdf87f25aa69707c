import { jsonSubprotocol, tokenSubprotocolPrefix } from "@milepost/protocol";
import { Socket, type WebSocketConstructor } from "./socket.ts";
import type { Transport } from "./transport.ts";

/** Characters a subprotocol may have; a token with others is sent as the first message. */
const subprotocolCharacters = /^[A-Za-z0-9._~-]+$/;

/** The transport that is one where it gets through. */
export function webSocketTransport(webSocket: WebSocketConstructor): Transport {
  return {
    name: "websocket",
    open({ url, token, connectionId }, events) {
      const protocols: string[] = [jsonSubprotocol];
      const offered = token !== undefined && subprotocolCharacters.test(token);
      if (offered) protocols.push(`${tokenSubprotocolPrefix}${token}`);
      const target = new URL(url);
      if (connectionId !== undefined) target.searchParams.set("connection_id", connectionId);
      const socket = new Socket(webSocket, target.href, protocols, {
        onOpen: () => {
          if (token !== undefined && !offered) {
            socket.sendText(JSON.stringify({ type: "auth", token }));
          }
        },
        onFrame: (data) => events.onFrame(data),
        onClose: (code, reason) => events.onClose(code, reason),
      });
      return socket;
    },
  };
}
