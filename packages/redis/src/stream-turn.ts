import type { StreamConnection } from "./stream-connection.ts";

/** Number of renewals within the lifetime of the turn. */
const renewals = 4;
/**
 * Safety margin as a fraction of the turn's lifetime. The holder's turn ends this much earlier for the holder
 * than in Redis.
 */
const margin = 0.2;

const renewal =
  "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('PEXPIRE', KEYS[1], ARGV[2])";
const release =
  "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('DEL', KEYS[1])";

/** Options of a {@link StreamTurn}. */
export interface StreamTurnOptions {
  readonly prefix: string;
  readonly stream: string;
  readonly group: string;
  /** Name of the holder; unique in the deployment. */
  readonly holder: string;
  readonly ttlMs: number;
}

/**
 * Exclusive turn of one node to read a stream for a consumer group, so that publications keep the stream's
 * order. The turn ends `ttlMs` milliseconds after its last renewal. The holder stops using it 20 % earlier.
 */
export class StreamTurn {
  readonly #key: string;
  readonly #holder: string;
  readonly #ttlMs: number;
  #renewal: NodeJS.Timeout | undefined;
  #until = 0;

  constructor({ prefix, stream, group, holder, ttlMs }: StreamTurnOptions) {
    // On a cluster the key must be in the same slot as the stream.
    const tag = /\{([^}]+)\}/.exec(stream)?.[1] ?? stream;
    this.#key = `${prefix}:source:{${tag}}:${stream}:${group}`;
    this.#holder = holder;
    this.#ttlMs = ttlMs;
  }

  get isHeld(): boolean {
    return performance.now() < this.#until;
  }

  /**
   * Takes the turn if it is free or if this holder already has it. Resolves with false when another node has
   * it. Once taken, the turn is renewed while the connection lasts.
   */
  async take(connection: StreamConnection): Promise<boolean> {
    const asked = performance.now();
    const ttl = String(this.#ttlMs);
    const taken = await connection.send("SET", this.#key, this.#holder, "NX", "PX", ttl);
    if (taken === null && !(await this.#renew(connection))) return false;
    if (taken !== null) this.#until = asked + this.#ttlMs * (1 - margin);
    clearInterval(this.#renewal);
    this.#renewal = setInterval(() => {
      // A failed command ends the connection, which also ends the reading.
      this.#renew(connection).catch(() => clearInterval(this.#renewal));
    }, this.#ttlMs / renewals);
    return true;
  }

  /**
   * Gives up the turn and deletes it in Redis, so that the next node can take it. If Redis does not get the
   * command, the turn expires.
   */
  async giveUp(connection: StreamConnection): Promise<void> {
    clearInterval(this.#renewal);
    this.#until = 0;
    await connection.send("EVAL", release, "1", this.#key, this.#holder);
  }

  /** Drops the turn because the connection is gone; it must be taken again. */
  lose(): void {
    clearInterval(this.#renewal);
    this.#until = 0;
  }

  async #renew(connection: StreamConnection): Promise<boolean> {
    const asked = performance.now();
    const renewed = await connection.send(
      "EVAL",
      renewal,
      "1",
      this.#key,
      this.#holder,
      String(this.#ttlMs),
    );
    this.#until = renewed === 1 ? asked + this.#ttlMs * (1 - margin) : 0;
    return renewed === 1;
  }
}
