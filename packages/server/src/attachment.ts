import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as SecureServer } from "node:https";
import type { Duplex } from "node:stream";
import { failure } from "@milepost/protocol";
import { isClaimed, isClaimedUpgrade } from "./claimed-paths.ts";
import { refuseUpgrade } from "./websocket/refusal.ts";

/** An HTTP server the gateway can be part of. */
export type HttpServer = Server | SecureServer;

/** Handles what reaches the gateway's own paths. */
export interface Doors {
  request(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** Gives the paths back. */
export type Detach = () => void;

/**
 * Makes the gateway part of a server, on its own paths alone.
 *
 * The server's other listeners never see requests and upgrades of those paths, whether they were added
 * before or after: an application would answer 404, a second WebSocket server would hang up on them. So
 * the server's `emit` is wrapped; listeners stay where they are. An upgrade of any other path is left to
 * the other upgrade listeners; where there are none it is answered with 404, since it would hang.
 */
export function attachTo(server: HttpServer, doors: Doors): Detach {
  const emit = server.emit;

  function emitUnclaimed(this: HttpServer, event: string | symbol, ...args: unknown[]): boolean {
    if (event === "request" || event === "checkContinue") {
      const [request, response] = args as [IncomingMessage, ServerResponse];
      if (isClaimed(request.url)) {
        if (event === "checkContinue") response.writeContinue();
        doors.request(request, response);
        return true;
      }
    } else if (event === "upgrade") {
      const [request, socket, head] = args as [IncomingMessage, Duplex, Buffer];
      if (isClaimedUpgrade(request.url)) {
        doors.upgrade(request, socket, head);
        return true;
      }
    }
    return Reflect.apply(emit, this, [event, ...args]) as boolean;
  }

  // Node hands upgrades out only where there is a listener for them.
  function onForeignUpgrade(_request: IncomingMessage, socket: Duplex): void {
    if (server.listenerCount("upgrade") > 1) return;
    socket.on("error", destroy);
    refuseUpgrade(socket, failure("not_found", "WebSockets are at /ws"));
  }

  server.emit = emitUnclaimed as typeof server.emit;
  server.on("upgrade", onForeignUpgrade);
  return () => {
    server.removeListener("upgrade", onForeignUpgrade);
    // Somebody may have wrapped it again; then ours has to stay in between.
    if (server.emit === (emitUnclaimed as typeof server.emit)) server.emit = emit;
  };
}

function destroy(this: Duplex): void {
  this.destroy();
}
