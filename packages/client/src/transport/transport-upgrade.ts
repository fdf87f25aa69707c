import { closeVerdict } from "@milepost/protocol";
import type { TokenKeeper } from "../connection/token.ts";
import type { Cancel, ClientClock } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";
import { readFrame } from "./server-frame.ts";
import type { TransportConnection, TransportConnectionEvents } from "./transport.ts";
import type { TransportFallback } from "./transport-fallback.ts";

/**
 * Wait before each background attempt (`restMs`) and time limit of one attempt (`attemptMs`), in milliseconds.
 */
const restMs = 60_000;
const attemptMs = 10_000;
/** Shortest wait for an attempt after a connect, in milliseconds, so that subscriptions come first. */
const settleMs = 5_000;
/** Maximum number of frames that an attempt holds. Until it has subscribed to something, few are expected. */
const maxFrames = 100;

/** Parts of the connection that a transport upgrade uses. */
export interface TransportUpgradeParts {
  readonly clock: ClientClock;
  readonly schedule: Schedule;
  readonly token: TokenKeeper;
  /** Returns the gateway's address. */
  address(): URL;
}

/**
 * Makes a transport connection that works the client's current one. Returns the events that it reports to from
 * then on.
 */
export type Adopt = (upgrading: Upgrading) => TransportConnectionEvents;

/** Return to a better transport: `start` is called after each connect, and `stop` after each loss. */
export interface Upgrade {
  start(): void;
  stop(): void;
}

/** Creates the return to a better transport for a connection. */
export type CreateUpgrade = (parts: TransportUpgradeParts, adopt: Adopt) => Upgrade;

/** Transport connection of a background attempt. */
export interface Upgrading {
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
export class TransportUpgrade implements Upgrade {
  readonly #parts: TransportUpgradeParts;
  readonly #fallback: TransportFallback;
  readonly #adopt: Adopt;
  #attempt = 0;
  /** Number of attempts to open a connection. */
  #tries = 0;
  /** Time of the next attempt on the monotonic clock; undefined until one is planned. */
  #dueAt: number | undefined;
  #cancel: Cancel | undefined;
  #connection: TransportConnection | undefined;

  constructor(parts: TransportUpgradeParts, fallback: TransportFallback, adopt: Adopt) {
    this.#parts = parts;
    this.#fallback = fallback;
    this.#adopt = adopt;
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
    const { schedule, token: keeper, address } = this.#parts;
    this.#dueAt = undefined;
    this.#cancel = schedule.after(attemptMs, () => this.start());
    /** Frames that the connection has received until it is adopted. */
    const held: Parameters<TransportConnectionEvents["onFrame"]>[] = [];
    let owner: TransportConnectionEvents | undefined;
    try {
      const token = await keeper.get();
      if (attempt !== this.#attempt) return;
      const transport = this.#fallback.better(this.#tries++);
      // No connection id is sent: the gateway would close the connection with that id before the new one is ready.
      const url = new URL(address());
      // The current connection stays until this one has proved itself.
      url.searchParams.set("upgrade", "1");
      const to = { url, token, connectionId: undefined, schedule };
      const connection = transport.open(to, {
        onFrame: (...frame) => {
          if (owner !== undefined) {
            owner.onFrame(...frame);
            return;
          }
          if (attempt !== this.#attempt) return;
          held.push(frame);
          const types = readFrame(frame[0], () => {}).map(({ type }) => type);
          if (types.includes("welcome")) connection.send([ping], ping.length);
          if (types.includes("pong")) {
            this.#connection = undefined;
            this.#fallback.upgraded(transport);
            owner = this.#adopt({ connection, token });
            for (const early of held) owner.onFrame(...early);
          } else if (held.length >= maxFrames) this.start();
        },
        onClose: (code, reason, details) => {
          if (owner !== undefined) {
            owner.onClose(code, reason, details);
            return;
          }
          if (closeVerdict(code) === "reauthenticate") keeper.refuse(details?.token ?? token);
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

/** Ping whose answer proves that the connection works. Its id is none of those of the heartbeat, which count from 1. */
const ping = '{"type":"ping","id":0}';
