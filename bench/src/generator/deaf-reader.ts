import { connect, type Socket } from "node:net";
import { frameOfClient, opcodes, readAnswer } from "@milepost/load/wire";
import type { ConnectPlan } from "./connect-plan.ts";
import { makeHandshake } from "./handshake.ts";

/** Report on the connections that never read. */
export interface DeafReport {
  /** Number of times that the server ended such a connection. */
  readonly ended: number;
  /** Number of times that such a connection reconnected afterwards. */
  readonly cameBack: number;
}

/**
 * Interval between the pings of one connection, in milliseconds. A connection that never reads can notice only
 * by sending that it was cut off.
 */
const signOfLifeMs = 1_000;
/** Number of groups that send their pings one after the other, so that not all connections send at once. */
const turns = 10;
/**
 * Longest wait before a connection that was cut off reconnects, in milliseconds. Each waits a random part of
 * it, as clients do.
 */
const backMs = 2_000;

/**
 * Connections that subscribe and then never read a byte again.
 *
 * Each connection sends a ping every second, so that its server has no other reason to end it. A connection
 * that was cut off stays closed or, with `comesBack`, reconnects, subscribes, and stops reading as before.
 */
export class DeafReaders {
  readonly #plan: ConnectPlan;
  readonly #comesBack: boolean;
  readonly #sockets = new Set<Socket>();
  readonly #pinging: NodeJS.Timeout;
  #ended = 0;
  #cameBack = 0;
  #closed = false;

  constructor(plan: ConnectPlan, comesBack: boolean) {
    this.#plan = plan;
    this.#comesBack = comesBack;
    const ping = frameOfClient(opcodes.ping, Buffer.alloc(0));
    let turn = 0;
    this.#pinging = setInterval(() => {
      turn = (turn + 1) % turns;
      let i = 0;
      for (const socket of this.#sockets) if (i++ % turns === turn) socket.write(ping);
    }, signOfLifeMs / turns);
  }

  get report(): DeafReport {
    return { ended: this.#ended, cameBack: this.#cameBack };
  }

  /** Closes all connections; none of them reconnects. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#pinging);
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Opens connection `index`; resolves once it is subscribed and has stopped reading. */
  open(index: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const handshake = makeHandshake(this.#plan, index);
      const mark = this.#plan.readyMark;
      const socket = connect({ host: "127.0.0.1", port: this.#plan.port, noDelay: true });
      let head = Buffer.alloc(0);
      socket.write(handshake.request);
      const onData = (chunk: Buffer) => {
        head = Buffer.concat([head, chunk]);
        try {
          const framesAt = readAnswer(head, handshake);
          if (framesAt === undefined) return;
          if (mark !== undefined && head.indexOf(mark, framesAt) < 0) return;
        } catch (error) {
          socket.destroy(error instanceof Error ? error : new Error(String(error)));
          return;
        }
        socket.pause();
        socket.off("data", onData);
        head = Buffer.alloc(0);
        if (this.#closed) socket.destroy();
        this.#sockets.add(socket);
        resolve();
      };
      socket.on("data", onData);
      socket.on("error", reject);
      socket.on("close", () => {
        if (this.#sockets.delete(socket)) this.#wasEnded(index);
        else reject(new Error(`connection ${index} ended before it was subscribed`));
      });
    });
  }

  #wasEnded(index: number): void {
    if (this.#closed) return;
    this.#ended++;
    if (!this.#comesBack) return;
    setTimeout(() => {
      if (this.#closed) return;
      this.open(index).then(
        () => this.#cameBack++,
        () => this.#wasEnded(index),
      );
    }, Math.random() * backMs);
  }
}
