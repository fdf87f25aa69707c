import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { failure } from "@milepost/protocol";
import type { DoorUpgrades } from "../transports/door.ts";
import { refuseUpgrade, refuseWith } from "../transports/websocket/refusal.ts";
import { type ClaimedPages, isClaimed, isClaimedUpgrade } from "./claimed-paths.ts";
import { declineUpgrade, offersWebSocket } from "./declined-upgrade.ts";
import { tooManyHeaders } from "./header-count.ts";
import type { HttpServer } from "./http-server.ts";
import { type Problem, problemHeaders } from "./problem.ts";
import { safeHeaders } from "./safe-headers.ts";

/** Handlers for requests and upgrades on the gateway's own paths. */
export interface HttpHandlers {
  request(request: IncomingMessage, response: ServerResponse): void;
  readonly upgrades: DoorUpgrades;
  /** Further paths of which the handlers take requests. */
  readonly pages: ClaimedPages;
}

/** Detaches the gateway from the host's server, which then handles the gateway's paths itself again. */
export type Detach = () => void;

/**
 * Mounts the gateway on a server, on the gateway's own paths only.
 *
 * The server's other listeners never see requests or upgrades for those paths, whether the listeners were
 * added before or after. If they did, an application would answer 404, and a second WebSocket server would
 * close the socket. So the server's `emit` is wrapped, and the listeners stay where they are. An upgrade for
 * any other path is left to the other upgrade listeners. If there are none, the gateway answers it with 404,
 * because it would hang otherwise. An offer of a protocol other than WebSocket that no listener takes is
 * answered as a plain request.
 */
export function mount(server: HttpServer, doors: HttpHandlers): Detach {
  const emit = server.emit;
  let attached = true;

  function emitUnclaimed(this: HttpServer, event: string | symbol, ...args: unknown[]): boolean {
    if (!attached) return Reflect.apply(emit, this, [event, ...args]) as boolean;
    if (event === "request" || event === "checkContinue") {
      const [request, response] = args as [IncomingMessage, ServerResponse];
      if (isClaimed(request.url, doors.upgrades, doors.pages)) {
        const refusal = tooManyHeaders(request);
        if (refusal !== undefined) {
          answerHeaders(response, refusal);
          return true;
        }
        if (event === "checkContinue") response.writeContinue();
        doors.request(request, response);
        return true;
      }
    } else if (event === "upgrade") {
      const [request, socket, head] = args as [IncomingMessage, Duplex, Buffer];
      const refusal = isClaimed(request.url, doors.upgrades, doors.pages)
        ? tooManyHeaders(request)
        : undefined;
      if (refusal !== undefined) {
        socket.on("error", destroy);
        refuseWith(socket, refusal);
        return true;
      }
      if (offersWebSocket(request)) {
        if (isClaimedUpgrade(request.url, doors.upgrades)) {
          doors.upgrades.accept(request, socket, head);
          return true;
        }
      } else if (isClaimed(request.url, doors.upgrades, doors.pages)) {
        declineUpgrade(server, request, socket, head);
        return true;
      }
    }
    return Reflect.apply(emit, this, [event, ...args]) as boolean;
  }

  // Node emits upgrades only when there is a listener for them.
  function onForeignUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const listeners = server.listeners("upgrade");
    const isLeftToUs = listeners.every((listener) => lastResorts.has(listener));
    // With several gateways on one server, the first one answers.
    if (!isLeftToUs || listeners[0] !== onForeignUpgrade) return;
    if (!offersWebSocket(request)) {
      declineUpgrade(server, request, socket, head);
      return;
    }
    socket.on("error", destroy);
    refuseUpgrade(
      socket,
      failure("not_found", "no WebSocket is served at this path; connect to /ws"),
    );
  }

  lastResorts.add(onForeignUpgrade);
  server.emit = emitUnclaimed as typeof server.emit;
  server.on("upgrade", onForeignUpgrade);
  return () => {
    attached = false;
    server.removeListener("upgrade", onForeignUpgrade);
    // Another wrapper of `emit` may have been added after this one. Then this wrapper stays and passes every
    // event on.
    if (server.emit === (emitUnclaimed as typeof server.emit)) server.emit = emit;
  };
}

/** Listeners of gateways for upgrades that no other listener handles. */
const lastResorts = new WeakSet<object>();

/** Answers a request with too many headers, and closes its connection. */
function answerHeaders(response: ServerResponse, refusal: Problem): void {
  const headers = { ...safeHeaders, ...problemHeaders(refusal), Connection: "close" };
  response.writeHead(refusal.status, headers).end(JSON.stringify(refusal));
}

function destroy(this: Duplex): void {
  this.destroy();
}
