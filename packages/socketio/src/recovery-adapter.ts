import { randomBytes } from "node:crypto";
import type { Namespace, Socket } from "socket.io";
import { Adapter, type Session } from "socket.io-adapter";
import { parseOffset } from "./offset.ts";

const form = /^([A-Za-z0-9_-]{20})\.[A-Za-z0-9_-]{22}$/;

/** Parts of a socket that its server reads when it answers a connect. */
interface Recoverable {
  pid: string;
  recovered: boolean;
}

function recoverable(socket: Socket): Recoverable {
  return socket as unknown as Recoverable;
}

/**
 * Gives a socket a new private id, by which its client can ask for a recovery: the socket's id and a secret. So every
 * node finds the id without storing it, and nobody else can ask for it.
 */
export function beginSession(socket: Socket): void {
  const own = recoverable(socket);
  own.pid = `${socket.id}.${randomBytes(16).toString("base64url")}`;
  own.recovered = false;
}

/**
 * Adapter that keeps no sessions. A client that reconnects tells its own state: its private id has the id of its socket,
 * and its offset has its position in every channel. Whether the gateway can continue there is decided later, when the
 * client's credential has been checked.
 */
export class RecoveryAdapter extends Adapter {
  /** Ids of sockets that reconnect and are not connected yet. */
  readonly #pending = new Set<string>();

  override async restoreSession(pid: string, offset: string): Promise<Session> {
    const nsp: Namespace = this.nsp;
    const [, sid] = form.exec(pid) ?? [];
    if (sid === undefined || nsp.name !== "/" || parseOffset(offset) === undefined)
      return refused();
    // Two sockets of one id would share its rooms and its place.
    if (this.#pending.has(sid)) return refused();
    const before = nsp.sockets.get(sid);
    if (before !== undefined) {
      if (recoverable(before).pid !== pid) return refused();
      // The server has not noticed yet that the old connection is gone.
      before.disconnect(true);
    }
    this.#pending.add(sid);
    return { sid, pid, rooms: [], data: {}, missedPackets: [] };
  }

  /** Ends the time in which no other connect may recover the socket with this id. */
  settle(sid: string): void {
    this.#pending.delete(sid);
  }

  override persistSession(): void {}
}

/** The server takes a session that is absent for one that cannot be restored; the type does not say so. */
function refused(): Session {
  return undefined as unknown as Session;
}
