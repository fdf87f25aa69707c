import { connect, type Socket } from "node:net";

/** Place of an attack: the gateway, the attacker's credentials, and the end of the attack. */
export interface Arena {
  readonly port: number;
  /** Token of one user, who may publish and subscribe to `bench:*`. */
  readonly token: string;
  /** Key of a backend, for attacks through a backend's requests. */
  readonly apiKey: string;
  /** Aborted when the attack must end. */
  readonly over: AbortSignal;
  readonly tally: Tally;
}

/** Counts of what an attack did. */
export interface Tally {
  /** Bytes that the attacker wrote. */
  bytes: number;
  /** Connections that were opened. */
  opened: number;
  /** Connections that the gateway ended, or did not accept. */
  ended: number;
}

/** Wait before an attacker whose connection was ended connects again, in milliseconds. */
const againMs = 50;

/** Settings of a flood. */
export interface FloodOptions {
  /** True to offer compression. */
  readonly deflates?: boolean;
  /** True if the attacker does not read; otherwise it discards what it reads. */
  readonly deaf?: boolean;
}

/**
 * Sends the chunks that `next` returns, as fast as the gateway takes them, over one authenticated WebSocket. Connects
 * again whenever the gateway ends the connection.
 */
export async function flood(
  arena: Arena,
  next: () => Buffer,
  options: FloodOptions = {},
): Promise<void> {
  while (!arena.over.aborted) {
    await floodOnce(arena, next, options);
    await pause(againMs);
  }
}

function floodOnce(arena: Arena, next: () => Buffer, options: FloodOptions): Promise<void> {
  const { tally, over } = arena;
  return new Promise((resolve) => {
    const socket = openSocket(arena, upgradeOf(arena.token, options.deflates === true));
    const stop = () => socket.destroy();
    over.addEventListener("abort", stop);
    const write = () => {
      if (over.aborted || socket.destroyed) return;
      const chunk = next();
      tally.bytes += chunk.length;
      // Each write gets a turn of its own, so that this process notices a close between two of them.
      if (socket.write(chunk)) setImmediate(write);
      else socket.once("drain", write);
    };
    socket.once("data", (bytes: Buffer) => {
      if (!bytes.toString("latin1").startsWith("HTTP/1.1 101")) {
        socket.destroy();
        return;
      }
      if (options.deaf === true) socket.pause();
      else socket.resume();
      write();
    });
    socket.once("close", () => {
      over.removeEventListener("abort", stop);
      if (!over.aborted) tally.ended++;
      resolve();
    });
  });
}

/** Opens a socket, sends `head`, and counts the socket. Errors end it. */
export function openSocket({ port, tally }: Arena, head: string): Socket {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  socket.on("error", () => {});
  socket.once("connect", () => {
    tally.opened++;
    if (head !== "") socket.write(head);
  });
  return socket;
}

/** Returns the request that opens a WebSocket of the SDK's dialect, with or without a token. */
export function upgradeOf(token: string | undefined, deflates = false): string {
  const lines = [
    "GET /ws HTTP/1.1",
    "Host: 127.0.0.1",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
    "Sec-WebSocket-Protocol: milepost.v1.json",
  ];
  if (token !== undefined) lines.push(`Authorization: Bearer ${token}`);
  if (deflates) lines.push("Sec-WebSocket-Extensions: permessage-deflate");
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** Opens `count` sockets that send `head` and then nothing; resolves when the attack is over. */
export async function holdSockets(arena: Arena, count: number, head: string): Promise<void> {
  const sockets = new Set<Socket>();
  while (!arena.over.aborted) {
    for (let opened = 0; opened < socketsPerTurn && sockets.size < count; opened++) {
      const socket = openSocket(arena, head);
      sockets.add(socket);
      socket.resume();
      socket.once("close", () => {
        sockets.delete(socket);
        if (!arena.over.aborted) arena.tally.ended++;
      });
    }
    await pause(socketTurnMs);
  }
  for (const socket of sockets) socket.destroy();
}

const socketsPerTurn = 100;
const socketTurnMs = 10;

/** Resolves after `ms` milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
