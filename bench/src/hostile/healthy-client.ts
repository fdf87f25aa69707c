import { connect } from "node:net";
import { FrameReader, opcodes } from "@milepost/load/wire";
import { monotonicUs } from "../measure/monotonic.ts";
import { messageFrame } from "./client-frames.ts";

/** A well-behaved client that publishes to a channel of its own and subscribes to it. */
export interface HealthyClient {
  /** Publishes the number `n`. */
  publish(n: number): void;
  close(): void;
}

/**
 * Connects a healthy client; resolves once it is subscribed. `onBack` receives each number that came back to it, and
 * when, in microseconds; `onEnd` the reason why the connection ended.
 */
export function openHealthyClient(
  port: number,
  token: string,
  channel: string,
  onBack: (n: number, atUs: number) => void,
  onEnd: (reason: string) => void,
): Promise<HealthyClient> {
  return new Promise((resolve, reject) => {
    let head: Buffer | undefined = Buffer.alloc(0);
    let isReady = false;
    let reason = "the gateway ended the connection";
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    const frames = new FrameReader((opcode, bytes, start, end) => {
      if (opcode === opcodes.close) {
        reason = `closed with ${bytes.readUInt16BE(start)} ${bytes.toString("utf8", start + 2, end)}`;
        return;
      }
      if (opcode !== opcodes.text) return;
      const text = bytes.toString("utf8", start, end);
      if (!isReady && text.includes('"subscribed"')) {
        isReady = true;
        resolve({
          publish: (n) =>
            socket.write(messageFrame({ type: "publish", channel, event: "e", data: { n } })),
          close: () => socket.destroy(),
        });
      }
      for (const [, n] of text.matchAll(/"data":\{"n":(\d+)\}/g)) onBack(Number(n), monotonicUs());
    });
    socket.write(
      [
        `GET /ws?channels=${channel} HTTP/1.1`,
        "Host: 127.0.0.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
        "Sec-WebSocket-Protocol: milepost.v1.json",
        `Authorization: Bearer ${token}`,
        "\r\n",
      ].join("\r\n"),
    );
    socket.on("data", (chunk: Buffer) => {
      if (head === undefined) {
        frames.push(chunk, chunk.length);
        return;
      }
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      const rest = head.subarray(end + 4);
      head = undefined;
      frames.push(rest, rest.length);
    });
    socket.on("error", (error) => {
      reason = error.message;
    });
    socket.on("close", () => {
      if (isReady) onEnd(reason);
      else reject(new Error(`a healthy client could not connect: ${reason}`));
    });
  });
}
