import { connect, type Socket } from "node:net";
import { FrameReader, frameOfClient, opcodes, readAnswer } from "@milepost/load/wire";
import type { ConnectPlan } from "./connect-plan.ts";
import type { DeliverySink } from "./delivery-sink.ts";
import { makeHandshake } from "./handshake.ts";
import { PayloadScanner } from "./payload-scanner.ts";

/** Buffer that all sockets read into. Each read is handled before the next one begins. */
const readBuffer = Buffer.allocUnsafe(256 * 1024);

/** Open connection of the generator. */
export interface Reader {
  destroy(): void;
}

/**
 * Opens connection `index` and resolves once it is subscribed; from then on `sink` receives its deliveries.
 *
 * The connection reads the raw socket, so that a machine can hold many connections and reading costs little.
 * Rejects when the server refuses, ends the connection, or sends what is not WebSocket.
 */
export function openReader(plan: ConnectPlan, index: number, sink: DeliverySink): Promise<Reader> {
  return new Promise((resolve, reject) => {
    const handshake = makeHandshake(plan, index);
    const readyMark = plan.readyMark;
    let head: Buffer | undefined = Buffer.alloc(0);
    let ready = false;

    const becomeReady = () => {
      ready = true;
      resolve({ destroy: () => socket.destroy() });
    };

    const scanner = new PayloadScanner((seq, atUs) => sink.deliver(index, seq, atUs));

    const frames = new FrameReader((opcode, bytes, start, end) => {
      if (opcode === opcodes.text || opcode === opcodes.binary) {
        if (!ready && readyMark !== undefined) {
          if (bytes.toString("utf8", start, end).includes(readyMark)) becomeReady();
        }
        const { heartbeat } = plan;
        if (heartbeat !== undefined && end - start === heartbeat.ask.length) {
          if (bytes.toString("utf8", start, end) === heartbeat.ask) sendText(heartbeat.answer);
        }
        scanner.scan(bytes, start, end);
      } else if (opcode === opcodes.ping) {
        socket.write(frameOfClient(opcodes.pong, bytes.subarray(start, end)));
      } else if (opcode === opcodes.close) {
        const code = end - start >= 2 ? bytes.readUInt16BE(start) : 1005;
        const reason = bytes.toString("utf8", Math.min(start + 2, end), end);
        socket.destroy(new Error(`the server closed with ${code} ${reason}`));
      }
    });

    const sendText = (text: string) => {
      socket.write(frameOfClient(opcodes.text, Buffer.from(text)));
    };

    const onBytes = (length: number) => {
      sink.startRead();
      if (head === undefined) {
        frames.push(readBuffer, length);
        return;
      }
      head = Buffer.concat([head, readBuffer.subarray(0, length)]);
      const framesAt = readAnswer(head, handshake);
      if (framesAt === undefined) return;
      const rest = head.subarray(framesAt);
      head = undefined;
      if (plan.hello !== undefined) sendText(plan.hello);
      if (readyMark === undefined) becomeReady();
      frames.push(rest, rest.length);
    };

    const socket: Socket = connect({
      host: "127.0.0.1",
      port: plan.port,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (length) => {
          try {
            onBytes(length);
          } catch (error) {
            socket.destroy(error instanceof Error ? error : new Error(String(error)));
          }
          return true;
        },
      },
    });
    socket.on("connect", () => socket.write(handshake.request));
    let reason = "the server ended the connection";
    socket.on("error", (error) => {
      reason = error.message;
    });
    socket.on("close", () => {
      if (ready) sink.connectionClosed(reason);
      else reject(new Error(`connection ${index}: ${reason}`));
    });
  });
}
