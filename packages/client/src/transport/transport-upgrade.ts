import type { Cancel } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";
import { readFrame } from "./server-frame.ts";
import type { TransportConnection, TransportConnectionEvents } from "./transport.ts";

/** From one attempt to the next, and how long one may take. */
const restMs = 60_000;
const attemptMs = 10_000;

/** What a climb needs of the connection. */
export interface TransportUpgradeParts {
  readonly schedule: Schedule;
  /** Opens a line of the best transport. */
  open(events: TransportConnectionEvents): Promise<TransportConnection>;
  /** Makes a line that has its welcome the connection's own, and answers whom to tell from now on. */
  adopt(line: TransportConnection): TransportConnectionEvents;
}

/**
 * Tries the best transport in the background, again and again, while the connection stands on a worse one.
 *
 * Nothing is noticed of an attempt that fails. One that is welcomed takes the connection over within the
 * event that brings its welcome, so that nothing falls between the two.
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
      const line = await this.#parts.open({
        onFrame: (frame, bytes) => {
          if (owner === undefined) {
            if (attempt !== this.#attempt || !hasWelcome(frame)) return;
            this.#connection = undefined;
            owner = this.#parts.adopt(line);
          }
          owner.onFrame(frame, bytes);
        },
        onClose: (code, reason) => {
          if (owner !== undefined) owner.onClose(code, reason);
          else if (attempt === this.#attempt) this.start();
        },
      });
      if (attempt === this.#attempt) this.#connection = line;
      else if (owner === undefined) line.release();
    } catch {
      if (attempt === this.#attempt) this.start();
    }
  }
}

function hasWelcome(frame: unknown): boolean {
  return readFrame(frame, () => {}).some(({ type }) => type === "welcome");
}
