import { RESP_TYPES } from "@redis/client";
import { locatorOf } from "./connect-redis.ts";
import { type Endpoint, parseRedisAddress, type RedisAddress } from "./redis-address.ts";
import type { RedisTls } from "./redis-tls.ts";
import { clientOf } from "./server-connection.ts";

/** Time within which Redis must answer, in milliseconds. Beyond it the connection counts as broken. */
const answerMs = 6_000;

/** Reply of Redis to a command. */
export type Answer = string | number | null | readonly Answer[];

/** Reply of Redis to a command whose texts are wanted as bytes, since Redis stores bytes of any kind. */
export type BytesAnswer = Buffer | number | null | readonly BytesAnswer[];

const asBytes = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/**
 * Opens connections from a source to the Redis that has its stream: one server, the master of a Sentinel set,
 * or a node of a cluster.
 */
export class StreamConnections {
  readonly #address: RedisAddress;
  readonly #locate: () => Promise<Endpoint>;
  /** Endpoint of the node that has the stream, from the last redirect; undefined while it is unknown. */
  #moved: Endpoint | undefined;
  #asked = 0;

  constructor(url: string, tls?: RedisTls) {
    this.#address = parseRedisAddress(url, tls);
    this.#locate =
      this.#address.kind === "cluster" ? async () => this.#nextNode() : locatorOf(this.#address);
  }

  /** Returns the endpoint of the stream if it is known, otherwise any node, which redirects to it. */
  #nextNode(): Endpoint {
    const { endpoints } = this.#address;
    const next = this.#moved ?? endpoints[this.#asked++ % endpoints.length];
    if (next === undefined)
      throw new Error("the address of Redis names no host; write redis+cluster://host1,host2");
    return next;
  }

  async open(): Promise<StreamConnection> {
    const client = clientOf(this.#address, await this.#locate());
    const connection = new StreamConnection(client, (to) => {
      this.#moved = to;
    });
    const deadline = setTimeout(() => connection.end(new Error("Redis hangs")), answerMs);
    try {
      await client.connect();
      // A client destroyed while its socket connects does not notice, so it is destroyed again.
      if (connection.isEnded) client.destroy();
      return connection;
    } catch (error) {
      connection.end(error);
      throw error;
    } finally {
      clearTimeout(deadline);
    }
  }
}

/**
 * Single connection of a source. Commands are answered in order. If one is not answered within 6 s, the
 * connection ends and all pending commands fail.
 */
export class StreamConnection {
  readonly #client: ReturnType<typeof clientOf>;
  readonly #onMoved: (to: Endpoint | undefined) => void;
  #ended = false;

  constructor(client: ReturnType<typeof clientOf>, onMoved: (to: Endpoint | undefined) => void) {
    this.#client = client;
    this.#onMoved = onMoved;
    // The pending commands reject with the error, so it need not be reported here.
    client.on("error", (error: unknown) => this.end(error));
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  async send(...command: string[]): Promise<Answer> {
    return (await this.#send(command)) as Answer;
  }

  async sendForBytes(...command: string[]): Promise<BytesAnswer> {
    return (await this.#send(command, asBytes)) as BytesAnswer;
  }

  async #send(command: string[], options?: typeof asBytes): Promise<unknown> {
    try {
      return await this.#answered(() => this.#client.sendCommand(command, options));
    } catch (error) {
      const [, host, port] =
        /^MOVED \d+ (.+):(\d+)$/.exec(error instanceof Error ? error.message : "") ?? [];
      if (host !== undefined) this.#onMoved({ host, port: Number(port) });
      throw error;
    }
  }

  /** Returns what Redis answers to a call; ends the connection, and so the call, if it does not answer in time. */
  async #answered<T>(call: () => Promise<T>): Promise<T> {
    const deadline = setTimeout(() => this.end(new Error("Redis hangs")), answerMs);
    try {
      return await call();
    } finally {
      clearTimeout(deadline);
    }
  }

  /** Listens to the messages of a pattern of channels. Afterwards the connection takes no other commands. */
  async subscribe(
    pattern: string,
    listener: (message: Buffer, channel: Buffer) => void,
  ): Promise<void> {
    await this.#answered(() => this.#client.pSubscribe(pattern, listener, true));
  }

  async unsubscribe(pattern: string): Promise<void> {
    await this.#answered(() => this.#client.pUnsubscribe(pattern));
  }

  end(reason?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (reason !== undefined) this.#onMoved(undefined);
    try {
      this.#client.destroy();
    } catch {
      // The client was never open, or is closed already.
    }
  }
}

/** Returns true when Redis answered with an error that begins with `word`. */
export function isReply(error: unknown, word: string): boolean {
  return error instanceof Error && error.message.startsWith(word);
}
