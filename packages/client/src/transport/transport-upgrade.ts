import { closeVerdict } from "@milepost/protocol";
import type { Cancel, ClientClock } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";
import { readFrame } from "./server-frame.ts";
import type { Transport, TransportConnection, TransportConnectionEvents } from "./transport.ts";

/**
 * Wait before each background attempt (`restMs`) and time limit of one attempt (`attemptMs`), in milliseconds.
 */
const restMs = 60_000;
const attemptMs = 10_000;
/** Shortest wait for an attempt after a connect, in milliseconds, so that subscriptions come first. */
const settleMs = 5_000;
/** Maximum number of frames that an attempt holds. Until it has subscribed to something, few are expected. */
const maxFrames = 100;

/** Functions of the connection that a transport upgrade uses. */
export interface TransportUpgradeParts {
  readonly clock: ClientClock;
  readonly schedule: Schedule;
  /** Opens a connection over a better transport; `n` counts the attempts. */
  open(n: number, events: TransportConnectionEvents): Promise<Upgrading>;
  /** Marks a token as rejected by the gateway. */
  refuse(token: string | undefined): void;
  /**
   * Makes a transport connection that works the client's current one. Returns the events that it reports to from
   * then on.
   */
  adopt(upgrading: Upgrading): TransportConnectionEvents;
}

/** Transport connection of a background attempt. */
export interface Upgrading {
  readonly transport: Transport;
  readonly connection: TransportConnection;
  readonly token: string | undefined;
}

/**
 * Retries the better transports in the background, one every minute, while the client is connected over a worse
 * one.
 *
 * The application does not notice a failed attempt. An attempt succeeds when the gateway has answered a ping over
 * the new connection: a proxy may let a welcome pass and nothing after it. The connection then takes over within the
 * same event, so that nothing is lost between the two.
 */
export class TransportUpgrade {
  readonly #parts: TransportUpgradeParts;
  #attempt = 0;
  /** Number of attempts to open a connection. */
  #tries = 0;
  /** Time of the next attempt on the monotonic clock; undefined until one is planned. */
  #dueAt: number | undefined;
  #cancel: Cancel | undefined;
  #connection: TransportConnection | undefined;

  constructor(parts: TransportUpgradeParts) {
    this.#parts = parts;
  }

  /**
   * Plans the next attempt. One that is planned already keeps its time, so that a connection which often breaks does
   * not put it off for ever.
   */
  start(): void {
    this.stop();
    const { clock, schedule } = this.#parts;
    const now = clock.monotonic();
    this.#dueAt ??= now + restMs;
    this.#cancel = schedule.after(Math.max(settleMs, this.#dueAt - now), () => void this.#try());
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
    this.#dueAt = undefined;
    this.#cancel = this.#parts.schedule.after(attemptMs, () => this.start());
    /** Frames that the connection has received until it is adopted. */
    const held: Parameters<TransportConnectionEvents["onFrame"]>[] = [];
    let owner: TransportConnectionEvents | undefined;
    try {
      const upgrading = await this.#parts.open(this.#tries++, {
        onFrame: (...frame) => {
          if (owner !== undefined) {
            owner.onFrame(...frame);
            return;
          }
          if (attempt !== this.#attempt) return;
          held.push(frame);
          const types = readFrame(frame[0], () => {}).map(({ type }) => type);
          if (types.includes("welcome")) upgrading.connection.send([ping], ping.length);
          if (types.includes("pong")) {
            this.#connection = undefined;
            owner = this.#parts.adopt(upgrading);
            for (const early of held) owner.onFrame(...early);
          } else if (held.length >= maxFrames) this.start();
        },
        onClose: (code, reason, details) => {
          if (owner !== undefined) {
            owner.onClose(code, reason, details);
            return;
          }
          if (closeVerdict(code) === "reauthenticate") {
            this.#parts.refuse(details?.token ?? upgrading.token);
          }
          if (attempt === this.#attempt) this.start();
        },
      });
      if (attempt === this.#attempt) this.#connection = upgrading.connection;
      else if (owner === undefined) upgrading.connection.release();
    } catch {
      if (attempt === this.#attempt) this.start();
    }
  }
}

/** Ping whose answer proves that the connection works. Its id is none of those of the heartbeat, which count from 1. */
const ping = '{"type":"ping","id":0}';
