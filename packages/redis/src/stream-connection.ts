import { locatorOf } from "./connect-redis.ts";
import { type Endpoint, parseRedisAddress, type RedisAddress } from "./redis-address.ts";
import { clientOf } from "./server-connection.ts";

/** What hangs for as long is broken. */
const answerMs = 6_000;

/** What a command was answered. */
export type Answer = string | number | null | readonly Answer[];

/** Connects a source to the Redis that has its stream: one server, the master of a Sentinel set, or a node of a cluster. */
export class StreamConnections {
  readonly #address: RedisAddress;
  readonly #locate: () => Promise<Endpoint>;
  /** Where a cluster said that the stream is. */
  #moved: Endpoint | undefined;
  #asked = 0;

  constructor(url: string) {
    this.#address = parseRedisAddress(url);
    this.#locate =
      this.#address.kind === "cluster" ? async () => this.#nextNode() : locatorOf(this.#address);
  }

  /** Where the stream is, or any node, to be told. */
  #nextNode(): Endpoint {
    const { endpoints } = this.#address;
    const next = this.#moved ?? endpoints[this.#asked++ % endpoints.length];
    if (next === undefined) throw new Error("the address of Redis names no host");
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
      // A client that was destroyed while its socket connected did not notice.
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

/** One life of a source's connection: commands are answered in order, and all fail once one has not been answered in time. */
export class StreamConnection {
  readonly #client: ReturnType<typeof clientOf>;
  readonly #onMoved: (to: Endpoint | undefined) => void;
  #ended = false;

  constructor(client: ReturnType<typeof clientOf>, onMoved: (to: Endpoint | undefined) => void) {
    this.#client = client;
    this.#onMoved = onMoved;
    // What breaks it is told to whoever waits for an answer.
    client.on("error", (error: unknown) => this.end(error));
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  async send(...command: string[]): Promise<Answer> {
    const deadline = setTimeout(() => this.end(new Error("Redis hangs")), answerMs);
    try {
      return (await this.#client.sendCommand(command)) as unknown as Answer;
    } catch (error) {
      const [, host, port] =
        /^MOVED \d+ (.+):(\d+)$/.exec(error instanceof Error ? error.message : "") ?? [];
      if (host !== undefined) this.#onMoved({ host, port: Number(port) });
      throw error;
    } finally {
      clearTimeout(deadline);
    }
  }

  end(reason?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (reason !== undefined) this.#onMoved(undefined);
    try {
      this.#client.destroy();
    } catch {
      // It never was open, or is closed already.
    }
  }
}

/** Whether Redis answered with an error that begins with a word. */
export function isReply(error: unknown, word: string): boolean {
  return error instanceof Error && error.message.startsWith(word);
}
