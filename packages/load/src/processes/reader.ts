import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { FrameReader, opcodes } from "../wire/frame-reader.ts";
import { frameOfClient, makeHandshake, readAnswer } from "../wire/handshake.ts";
import type { Route } from "./messages.ts";

/** Connection to open. */
export interface ReaderPlan {
  readonly route: Route;
  readonly channel: string;
  readonly token: string;
  readonly source: string | null;
}

/** Callbacks of a connection. */
export interface ReaderEvents {
  /** The subscription has begun. */
  subscribed(): void;
  /** A message; its bytes are valid during the call only. */
  message(bytes: Buffer, start: number, end: number): void;
  read(bytes: number): void;
  /** The connection has ended, or never began. */
  ended(reason: string): void;
}

/** Buffer that all sockets read into. Each read is handled before the next one begins. */
const readBuffer = Buffer.allocUnsafe(256 * 1024);
const subscribedMark = Buffer.from('"subscribed"');
/** Longest answer to a handshake, in bytes. */
const maxHeadBytes = 65_536;

/** Opens a connection that subscribes to one channel. It reads raw bytes, so that a machine can hold many. */
export function openReader(plan: ReaderPlan, events: ReaderEvents): Socket {
  const { route, channel, token, source } = plan;
  const handshake = makeHandshake({
    host: route.hostHeader,
    path: `/ws?channels=${encodeURIComponent(channel)}`,
    subprotocol: "milepost.v1.json",
    token,
  });
  let head: Buffer | undefined = Buffer.alloc(0);
  let isSubscribed = false;
  let reason = "the server ended the connection";
  const onFrame = (opcode: number, bytes: Buffer, start: number, end: number) => {
    if (opcode === opcodes.text) {
      if (!isSubscribed) {
        const at = bytes.indexOf(subscribedMark, start);
        if (at >= 0 && at < end) {
          isSubscribed = true;
          events.subscribed();
        }
      }
      events.message(bytes, start, end);
    } else if (opcode === opcodes.ping) {
      socket.write(frameOfClient(opcodes.pong, bytes.subarray(start, end)));
    } else if (opcode === opcodes.close) {
      const code = end - start >= 2 ? bytes.readUInt16BE(start) : 1005;
      const text = bytes.toString("utf8", Math.min(start + 2, end), end);
      socket.destroy(new Error(`closed with ${code} ${text}`.trim()));
    }
  };
  const frames = new FrameReader(onFrame);
  const onBytes = (chunk: Buffer, length: number) => {
    events.read(length);
    if (head === undefined) {
      frames.push(chunk, length);
      return;
    }
    head = Buffer.concat([head, chunk.subarray(0, length)]);
    if (head.length > maxHeadBytes) throw new Error("the answer to the handshake is too long");
    const framesAt = readAnswer(head, handshake);
    if (framesAt === undefined) return;
    const rest = head.subarray(framesAt);
    head = undefined;
    frames.push(rest, rest.length);
  };
  const guarded = (chunk: Buffer, length: number) => {
    try {
      onBytes(chunk, length);
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  };
  const { host, port, tlsName } = route;
  const from = source === null ? {} : { localAddress: source };
  const socket: Socket =
    tlsName === undefined
      ? connect({
          ...{ host, port, noDelay: true, ...from },
          onread: {
            buffer: readBuffer,
            callback: (length) => {
              guarded(readBuffer, length);
              return true;
            },
          },
        })
      : connectTls({ host, port, servername: tlsName, ...from });
  if (tlsName !== undefined) socket.on("data", (chunk: Buffer) => guarded(chunk, chunk.length));
  socket.once(tlsName === undefined ? "connect" : "secureConnect", () => {
    socket.write(handshake.request);
  });
  socket.on("error", (error) => {
    reason = error.message;
  });
  socket.on("close", () => events.ended(reason));
  return socket;
}
