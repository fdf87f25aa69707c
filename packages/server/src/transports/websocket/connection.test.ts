import { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";
import type { TransportEvents } from "@milepost/core";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { type GatewaySocket, WebSocketConnection } from "./connection.ts";
import { encoders } from "./encoders.ts";

/** WebSocket without a network, with what the connection did to it. */
function open() {
  const done: string[] = [];
  const ws = {
    connection: undefined as WebSocketConnection | undefined,
    serve(connection: WebSocketConnection): void {
      ws.connection = connection;
    },
    readyState: WebSocket.OPEN as number,
    pause: () => done.push("pause"),
    resume: () => done.push("resume"),
    pong: () => done.push("pong"),
    terminate: () => done.push("terminate"),
    close: (code: number, reason: string) => done.push(`close ${code} ${reason.length}`),
  };
  const socket = Object.assign(new EventEmitter(), {
    writableLength: 0,
    write: (bytes: Uint8Array) => done.push(`write ${bytes.length}`),
  });
  const connection = new WebSocketConnection(
    ws as unknown as GatewaySocket,
    socket as unknown as Duplex,
    {
      encoder: encoders.plain,
      consumer: "websocket",
      maxMessageBytes: 1_000_000,
      address: undefined,
    },
    () => {},
  );
  const onControl = () => done.push("control") > 0;
  connection.attach({ onControl } as unknown as TransportEvents);
  return { connection, ws, socket, done };
}

test("[G7] a connection without a credential is read no further than 64 KiB, until it is verified", () => {
  const { connection, socket, done } = open();
  connection.restrain({
    verified: (known) => done.push(`verified ${known === (socket as unknown)}`) > 0,
  });
  socket.emit("data", Buffer.alloc(65_536));
  expect(done).toEqual([]);
  socket.emit("data", Buffer.alloc(1));
  expect(done).toEqual(["pause"]);
  expect(connection.maxMessageBytes).toBe(65_536);
  connection.verified();
  expect(done).toEqual(["pause", "verified true", "resume"]);
  expect(connection.maxMessageBytes).toBe(1_000_000);
  socket.emit("data", Buffer.alloc(1_000_000));
  expect(done).toEqual(["pause", "verified true", "resume"]);
});

test("[G7] a ping is not answered while 16 KiB wait to be sent", () => {
  const { connection, socket, done } = open();
  socket.writableLength = 16 * 1_024;
  connection.pinged(Buffer.from(""));
  expect(done).toEqual(["control"]);
  socket.writableLength--;
  connection.pinged(Buffer.from(""));
  expect(done).toEqual(["control", "control", "pong"]);
});

test("[P-LIM-4] of the pings that arrive while a client is not read, only the latest is answered once it is read again", () => {
  const { connection, done } = open();
  connection.attach({ onControl: () => false } as unknown as TransportEvents);
  connection.pauseReading();
  for (const payload of ["1", "2", "3"]) connection.pinged(Buffer.from(payload));
  connection.resumeReading();
  expect(done).toEqual(["pause", "resume", "pong"]);
});

test("[P-ZIP-4] a compressed message that arrives while a client is not read is inflated once it is read again", () => {
  const { connection } = open();
  let inflated = 0;
  connection.pauseReading();
  connection.inflateInTurn(() => inflated++);
  expect(inflated).toBe(0);
  connection.resumeReading();
  expect(inflated).toBe(1);
  connection.inflateInTurn(() => inflated++);
  expect(inflated).toBe(2);
});

test("a connection that is cut while it is not read still inflates the message that ws waits for", () => {
  const { connection } = open();
  let inflated = 0;
  connection.pauseReading();
  connection.inflateInTurn(() => inflated++);
  connection.terminate();
  expect(inflated).toBe(1);
});

test("nothing is sent once the close frame has been sent", () => {
  const { connection, ws, done } = open();
  connection.write(new Uint8Array(3));
  ws.readyState = WebSocket.CLOSING;
  connection.write(new Uint8Array(4));
  connection.pinged(Buffer.from(""));
  expect(done).toEqual(["write 3", "control"]);
});

test("a reason that does not fit into a close frame is cut between two characters", () => {
  const { connection, done } = open();
  connection.close(1000, "x".repeat(123));
  connection.close(1000, `${"x".repeat(122)}é`);
  expect(done).toEqual(["close 1000 123", "close 1000 122"]);
});
