import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { failure } from "@milepost/protocol";
import type { DoorUpgrades } from "../transports/door.ts";
import { refuseUpgrade } from "../transports/websocket/refusal.ts";
import { isClaimed, isClaimedUpgrade } from "./claimed-paths.ts";
import { declineUpgrade, offersWebSocket } from "./declined-upgrade.ts";
import type { HttpServer } from "./http-server.ts";

/** Handles what reaches the gateway's own paths. */
export interface HttpHandlers {
  request(request: IncomingMessage, response: ServerResponse): void;
  readonly upgrades: DoorUpgrades;
}

/** Gives the paths back. */
export type Detach = () => void;

/**
 * Makes the gateway part of a server, on its own paths alone.
 *
 * The server's other listeners never see requests and upgrades of those paths, whether they were added
 * before or after: an application would answer 404, a second WebSocket server would hang up on them. So
 * the server's `emit` is wrapped; listeners stay where they are. An upgrade of any other path is left to
 * the other upgrade listeners; where there are none it is answered with 404, since it would hang. An offer
 * of anything but a WebSocket that nobody takes is answered as the plain request it is as well.
 */
export function mount(server: HttpServer, doors: HttpHandlers): Detach {
  const emit = server.emit;
  let attached = true;

  function emitUnclaimed(this: HttpServer, event: string | symbol, ...args: unknown[]): boolean {
    if (!attached) return Reflect.apply(emit, this, [event, ...args]) as boolean;
    if (event === "request" || event === "checkContinue") {
      const [request, response] = args as [IncomingMessage, ServerResponse];
      if (isClaimed(request.url, doors.upgrades)) {
        if (event === "checkContinue") response.writeContinue();
        doors.request(request, response);
        return true;
      }
    } else if (event === "upgrade") {
      const [request, socket, head] = args as [IncomingMessage, Duplex, Buffer];
      if (offersWebSocket(request)) {
        if (isClaimedUpgrade(request.url, doors.upgrades)) {
          doors.upgrades.accept(request, socket, head);
          return true;
        }
      } else if (isClaimed(request.url, doors.upgrades)) {
        declineUpgrade(server, request, socket, head);
        return true;
      }
    }
    return Reflect.apply(emit, this, [event, ...args]) as boolean;
  }

  // Node hands upgrades out only where there is a listener for them.
  function onForeignUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const listeners = server.listeners("upgrade");
    const isLeftToUs = listeners.every((listener) => lastResorts.has(listener));
    // Of several gateways on one server the first answers.
    if (!isLeftToUs || listeners[0] !== onForeignUpgrade) return;
    if (!offersWebSocket(request)) {
      declineUpgrade(server, request, socket, head);
      return;
    }
    socket.on("error", destroy);
    refuseUpgrade(socket, failure("not_found", "WebSockets are at /ws"));
  }

  lastResorts.add(onForeignUpgrade);
  server.emit = emitUnclaimed as typeof server.emit;
  server.on("upgrade", onForeignUpgrade);
  return () => {
    attached = false;
    server.removeListener("upgrade", onForeignUpgrade);
    // Somebody may have wrapped it again; then ours stays in between and lets everything pass.
    if (server.emit === (emitUnclaimed as typeof server.emit)) server.emit = emit;
  };
}

/** The listeners of gateways for upgrades that nobody else takes. */
const lastResorts = new WeakSet<object>();

function destroy(this: Duplex): void {
  this.destroy();
}
