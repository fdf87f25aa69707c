import { closeVerdict } from "@milepost/protocol";
import type { Cancel } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";
import { readFrame } from "./server-frame.ts";
import type { TransportConnection, TransportConnectionEvents } from "./transport.ts";

/**
 * Wait before each background attempt (`restMs`) and time limit of one attempt (`attemptMs`), in milliseconds.
 */
const restMs = 60_000;
const attemptMs = 10_000;

/** Functions of the connection that a transport upgrade uses. */
export interface TransportUpgradeParts {
  readonly schedule: Schedule;
  /** Opens a connection over the best transport, and returns it with the token that it offers. */
  open(events: TransportConnectionEvents): Promise<Upgrading>;
  /** Marks a token as rejected by the gateway. */
  refuse(token: string | undefined): void;
  /**
   * Makes a transport connection that has received its welcome the client's current one. Returns the events
   * that it reports to from then on.
   */
  adopt(connection: TransportConnection, token: string | undefined): TransportConnectionEvents;
}

/** Transport connection of a background attempt. */
export interface Upgrading {
  readonly connection: TransportConnection;
  readonly token: string | undefined;
}

/**
 * Retries the best transport in the background, every minute, while the client is connected over a worse one.
 *
 * The application does not notice a failed attempt. A connection that receives its welcome takes over within
 * the same event, so that nothing is lost between the two.
 */
export class TransportUpgrade {
  readonly #parts: TransportUpgradeParts;
  #attempt = 0;
  #cancel: Cancel | undefined;
  #connection: TransportConnection | undefined;

  constructor(parts: TransportUpgradeParts) {
    this.#parts = parts;
  }

  start(): void {
    this.stop();
    this.#cancel = this.#parts.schedule.after(restMs, () => void this.#try());
  }

  stop(): void {
    this.#attempt++;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#connection?.release();
    this.#connection = undefined;
  }

  async #try(): Promise<void> {
    const attempt = ++this.#attempt;
    this.#cancel = this.#parts.schedule.after(attemptMs, () => this.start());
    let owner: TransportConnectionEvents | undefined;
    try {
      const { connection, token } = await this.#parts.open({
        onFrame: (frame, bytes) => {
          if (owner === undefined) {
            if (attempt !== this.#attempt || !hasWelcome(frame)) return;
            this.#connection = undefined;
            owner = this.#parts.adopt(connection, token);
          }
          owner.onFrame(frame, bytes);
        },
        onClose: (code, reason, details) => {
          if (owner !== undefined) {
            owner.onClose(code, reason, details);
            return;
          }
          if (closeVerdict(code) === "reauthenticate") this.#parts.refuse(details?.token ?? token);
          if (attempt === this.#attempt) this.start();
        },
      });
      if (attempt === this.#attempt) this.#connection = connection;
      else if (owner === undefined) connection.release();
    } catch {
      if (attempt === this.#attempt) this.start();
    }
  }
}

function hasWelcome(frame: unknown): boolean {
  return readFrame(frame, () => {}).some(({ type }) => type === "welcome");
}
