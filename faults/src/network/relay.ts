import { connect, createServer, type Server, type Socket } from "node:net";
import { DelayedPipe, type Weather } from "./delayed-pipe.ts";

/** Direction in which no data passes: to the target, from it, or both. */
export type Silence = "up" | "down" | "both";

interface Line {
  readonly near: Socket;
  readonly far: Socket;
}

/**
 * TCP relay on loopback that breaks as networks do.
 *
 * Connections go to the targets in turn, and on to the next target when one refuses, as with a load balancer.
 */
export class Relay {
  readonly #server: Server;
  readonly #targets: () => readonly number[];
  readonly #lines = new Set<Line>();
  #next = 0;
  #blocked = false;
  #silence: Silence | undefined;
  #weather: Weather | undefined;

  private constructor(targets: () => readonly number[]) {
    this.#targets = targets;
    this.#server = createServer((near) => this.#accept(near));
  }

  /** Starts a relay to ports of this machine; `targets` is called for each connection. */
  static async start(targets: () => readonly number[]): Promise<Relay> {
    const relay = new Relay(targets);
    await new Promise<void>((resolve) => relay.#server.listen(0, "127.0.0.1", resolve));
    return relay;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Resets every connection. */
  cut(): void {
    for (const { near, far } of [...this.#lines]) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** Resets every new connection until {@link Relay.heal}. */
  block(): void {
    this.#blocked = true;
  }

  /**
   * Passes no data on until {@link Relay.heal}, while connections stay open; data sent meanwhile arrives then.
   */
  hush(silence: Silence): void {
    this.#silence = silence;
    for (const line of this.#lines) this.#apply(line);
  }

  /** Delays what passes, until {@link Relay.heal}. */
  weather(weather: Weather): void {
    this.#weather = weather;
  }

  heal(): void {
    this.#weather = undefined;
    this.#blocked = false;
    this.#silence = undefined;
    for (const line of this.#lines) this.#apply(line);
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(near: Socket): void {
    near.on("error", () => {});
    if (this.#blocked) {
      near.resetAndDestroy();
      return;
    }
    const targets = this.#targets();
    this.#next++;
    const order = targets.map((_, i) => targets[(this.#next + i) % targets.length] ?? 0);
    this.#connect(near, order);
  }

  #connect(near: Socket, [target, ...others]: readonly number[]): void {
    if (target === undefined || near.destroyed) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port: target, host: "127.0.0.1", noDelay: true });
    far.once("error", () => {
      if (far.connecting || far.remotePort === undefined) this.#connect(near, others);
    });
    far.once("connect", () => this.#join(near, far));
  }

  #join(near: Socket, far: Socket): void {
    near.setNoDelay(true);
    const line: Line = { near, far };
    this.#lines.add(line);
    const drop = () => {
      this.#lines.delete(line);
      near.destroy();
      far.destroy();
    };
    const weather = () => this.#weather;
    const up = new DelayedPipe(near, far, weather);
    const down = new DelayedPipe(far, near, weather);
    near.on("close", () => up.whenEmpty(drop));
    far.on("close", () => down.whenEmpty(drop));
    for (const socket of [near, far]) socket.on("error", drop);
    far.on("drain", () => this.#apply(line));
    near.on("drain", () => this.#apply(line));
    this.#apply(line);
  }

  #apply({ near, far }: Line): void {
    const silence = this.#silence;
    if (silence === "up" || silence === "both") near.pause();
    else if (!far.writableNeedDrain) near.resume();
    if (silence === "down" || silence === "both") far.pause();
    else if (!near.writableNeedDrain) far.resume();
  }
}
