import type { StreamConnection } from "./stream-connection.ts";

/** So often it is renewed within the time it holds. */
const renewals = 4;
/** So much of its time earlier than Redis its holder takes it for over. */
const margin = 0.2;

const renewal =
  "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('PEXPIRE', KEYS[1], ARGV[2])";
const release =
  "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('DEL', KEYS[1])";

/** Whose turn at what. */
export interface StreamTurnOptions {
  readonly prefix: string;
  readonly stream: string;
  readonly group: string;
  /** Unique in the deployment. */
  readonly holder: string;
  readonly ttlMs: number;
}

/**
 * The right to read a stream for its group: one node has it at a time, so that what is published keeps the stream's
 * order. It lapses some time after its holder was last heard of; the holder takes it for lapsed earlier.
 */
export class StreamTurn {
  readonly #key: string;
  readonly #holder: string;
  readonly #ttlMs: number;
  #renewal: NodeJS.Timeout | undefined;
  #until = 0;

  constructor({ prefix, stream, group, holder, ttlMs }: StreamTurnOptions) {
    // On a cluster it lies with the stream.
    const tag = /\{([^}]+)\}/.exec(stream)?.[1] ?? stream;
    this.#key = `${prefix}:source:{${tag}}:${stream}:${group}`;
    this.#holder = holder;
    this.#ttlMs = ttlMs;
  }

  get isHeld(): boolean {
    return performance.now() < this.#until;
  }

  /** Whether it was free, or is ours already; from then on it is renewed, as long as the connection lasts. */
  async take(connection: StreamConnection): Promise<boolean> {
    const asked = performance.now();
    const ttl = String(this.#ttlMs);
    const taken = await connection.send("SET", this.#key, this.#holder, "NX", "PX", ttl);
    if (taken === null && !(await this.#renew(connection))) return false;
    if (taken !== null) this.#until = asked + this.#ttlMs * (1 - margin);
    clearInterval(this.#renewal);
    this.#renewal = setInterval(() => {
      // A connection that fails ends, and with it the reading.
      this.#renew(connection).catch(() => clearInterval(this.#renewal));
    }, this.#ttlMs / renewals);
    return true;
  }

  /** Takes it for over here; who takes it next finds it free unless Redis does not hear of it. */
  async giveUp(connection: StreamConnection): Promise<void> {
    clearInterval(this.#renewal);
    this.#until = 0;
    await connection.send("EVAL", release, "1", this.#key, this.#holder);
  }

  /** The connection is gone: it must be taken again. */
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
