import { isUtf8 } from "node:buffer";
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Source, SourceEntry, TakeEntry } from "@milepost/engine";
import { type MessageMapping, messageMapper } from "./message-mapping.ts";
import type { RedisTls } from "./redis-tls.ts";
import { retryDelayMs } from "./retry-delay.ts";
import { type StreamConnection, StreamConnections } from "./stream-connection.ts";
import { StreamTurn } from "./stream-turn.ts";

/** Options of {@link redisMessageSource}, which publishes what programs send with `PUBLISH` of Redis. */
export interface MessageSourceOptions extends MessageMapping {
  /** Address of the Redis to which the programs publish, in the form that `connectRedis` takes. */
  readonly url: string;
  /** Certificates of connections over TLS. */
  readonly tls?: RedisTls;
  /** Prefix of the keys that the source itself stores in Redis; default `milepost`. */
  readonly prefix?: string;
  /** Largest number of messages that wait to be published; default 10,000. Further ones are dropped. */
  readonly maxWaiting?: number;
  /** Largest size of the messages that wait, in bytes; default 8 MiB. */
  readonly maxWaitingBytes?: number;
  /** Time for which a message that cannot be published now is tried again, in milliseconds; default 30,000. */
  readonly retryMs?: number;
  /** Time after which another node subscribes in place of one that has died, in milliseconds; default 5,000. */
  readonly turnMs?: number;
  /** Called with each error after which the source tries again, and when messages are lost. */
  readonly onError?: (error: unknown) => void;
}

const perTurn = 100;
const firstRetryMs = 200;
const maxRetryMs = 5_000;

/**
 * Creates a source that publishes the messages of Redis `PUBLISH`. One node subscribes at a time, so each message is published
 * once.
 *
 * At most once: Redis gives a message to those that listen at that moment, and keeps none. Messages are lost while no node
 * listens, that is until another one has noticed that the listening one has died, and beyond the limits of what may wait.
 */
export function redisMessageSource(options: MessageSourceOptions): Source {
  return new RedisMessageSource(options);
}

class RedisMessageSource implements Source {
  readonly #connections: StreamConnections;
  readonly #options: MessageSourceOptions;
  readonly #map: ReturnType<typeof messageMapper>;
  readonly #turn: StreamTurn;
  readonly #closing = new AbortController();
  readonly #mark = randomBytes(9).toString("base64url");
  readonly #onError: (error: unknown) => void;
  #waiting: { readonly entry: Omit<SourceEntry, "attempt">; readonly bytes: number }[] = [];
  #waitingBytes = 0;
  #count = 0;
  #lost = 0;
  #take: TakeEntry = () => Promise.reject(new Error("the source was not started"));
  #running: Promise<void> | undefined;
  #publishing: Promise<void> | undefined;

  constructor(options: MessageSourceOptions) {
    const { prefix = "milepost", subscribe, turnMs = 5_000, onError = () => {} } = options;
    this.#options = options;
    this.#connections = new StreamConnections(options.url, options.tls);
    this.#map = messageMapper(options);
    this.#onError = onError;
    this.#turn = new StreamTurn({
      prefix,
      stream: subscribe,
      group: "publish",
      holder: this.#mark,
      ttlMs: turnMs,
    });
  }

  start(take: TakeEntry): void {
    this.#take = take;
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    await this.#publishing;
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  async #run(): Promise<void> {
    const { turnMs = 5_000 } = this.#options;
    for (let failures = 0; !this.#isClosing; failures++) {
      const open: StreamConnection[] = [];
      try {
        const commands = await this.#connections.open();
        open.push(commands);
        while (!this.#isClosing && !(await this.#turn.take(commands)))
          await this.#pause(turnMs / 4);
        if (this.#isClosing) return;
        const listening = await this.#connections.open();
        open.push(listening);
        await listening.subscribe(this.#options.subscribe, (text, name) => this.#hear(name, text));
        failures = 0;
        // Both connections are looked at often, since a subscription that has ended says nothing.
        while (!this.#isClosing && this.#turn.isHeld && !listening.isEnded) {
          await this.#pause(Math.min(1_000, turnMs / 4));
        }
        await listening.unsubscribe(this.#options.subscribe).catch(() => {});
        if (this.#turn.isHeld) await this.#turn.giveUp(commands);
        else this.#onError(new Error("another node subscribes, or the connection to Redis ended"));
      } catch (error) {
        this.#onError(error);
        await this.#pause(delayMs(failures));
      } finally {
        this.#turn.lose();
        for (const connection of open) connection.end();
      }
    }
  }

  #hear(name: Buffer, bytes: Buffer): void {
    // Another node may subscribe by now, and would publish the message too.
    if (!this.#turn.isHeld) return;
    const { maxWaiting = 10_000, maxWaitingBytes = 8 * 1024 * 1024 } = this.#options;
    const size = name.length + bytes.length;
    if (this.#waiting.length >= maxWaiting || this.#waitingBytes + size > maxWaitingBytes) {
      this.#lost++;
      if (this.#lost === 1) {
        this.#onError(
          new Error(
            `more than ${maxWaiting} messages or ${maxWaitingBytes} bytes wait; further ones are lost`,
          ),
        );
      }
      return;
    }
    const fields = this.#map(name.toString(), bytes.toString());
    const damaged = isUtf8(bytes) ? [] : ["data"];
    const entry = { id: `${this.#mark}-${++this.#count}`, fields, damaged };
    this.#waiting.push({ entry, bytes: size });
    this.#waitingBytes += size;
    this.#publishing ??= this.#publish().finally(() => {
      this.#publishing = undefined;
    });
  }

  /** Publishes what waits: in order within a channel, the channels side by side. */
  async #publish(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, perTurn);
      const lines = new Map<string, (typeof batch)[number]["entry"][]>();
      for (const { entry } of batch) {
        const line = lines.get(entry.fields.channel ?? "");
        if (line === undefined) lines.set(entry.fields.channel ?? "", [entry]);
        else line.push(entry);
      }
      await Promise.all([...lines.values()].map((line) => this.#publishLine(line)));
      for (const { bytes } of batch) this.#waitingBytes -= bytes;
      if (this.#lost > 0 && this.#waiting.length === 0) {
        this.#onError(new Error(`${this.#lost} messages were lost, since too many waited`));
        this.#lost = 0;
      }
    }
  }

  async #publishLine(line: readonly Omit<SourceEntry, "attempt">[]): Promise<void> {
    for (const entry of line) {
      const { retryMs = 30_000, subscribe } = this.#options;
      const until = performance.now() + retryMs;
      for (let attempt = 1; ; attempt++) {
        try {
          await this.#take(subscribe, { ...entry, attempt });
          break;
        } catch (error) {
          if (this.#isClosing || performance.now() >= until) {
            this.#onError(
              new Error("a message was lost, since it could not be published in time", {
                cause: error,
              }),
            );
            break;
          }
          this.#onError(error);
          await this.#pause(delayMs(attempt - 1));
        }
      }
    }
  }

  async #pause(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#closing.signal }).catch(() => {});
  }
}

function delayMs(failures: number): number {
  return retryDelayMs(failures, { firstMs: firstRetryMs, maxMs: maxRetryMs, least: 0.5 });
}
