import { MilepostError } from "@milepost/protocol";
import type { ConnectionState } from "../connection/connection-state.ts";
import { internals } from "../internals.ts";
import type { Call, CallOptions } from "../request/call.ts";
import type { Cancel } from "../runtime/clock.ts";
import { Reporter } from "../runtime/reporter.ts";
import type { Channel } from "./channel.ts";
import type { Channels } from "./channels.ts";
import type { Claimant } from "./claimant.ts";

/**
 * Internals of a client that each of its channel handles carries, for parts outside the core such as durable
 * subscribers.
 */
export interface ClientInternals {
  readonly channels: Channels;
  readonly client: { readonly state: ConnectionState; connect(): void };
}

/**
 * Returns the error reporter of the client that created `channel`. For any other object, such as a test's fake
 * channel, returns a reporter without `onError`, which writes to the console.
 */
export function reporterOf(channel: Pick<Channel, "name">): Reporter {
  return internalsOf(channel)?.channels.parts.reporter ?? new Reporter(undefined);
}

/** Returns the internals of the client that created `channel`; undefined for any other object, such as a test's fake. */
export function internalsOf(channel: object): ClientInternals | undefined {
  return (channel as { readonly [internals]?: ClientInternals })[internals];
}

/** Access to one channel's requests for client parts outside the core, such as durable subscribers. */
export class ChannelRequests {
  readonly #name: string;
  readonly #channels: Channels;
  readonly #client: ClientInternals["client"];

  /** Throws a `TypeError` unless a client of this package created `channel`. */
  constructor(channel: Pick<Channel, "name">) {
    const own = internalsOf(channel);
    if (own === undefined) {
      const advice = "pass the result of client.channel()";
      throw new TypeError(`this channel was not created by a client; ${advice}`);
    }
    this.#name = channel.name;
    this.#channels = own.channels;
    this.#client = own.client;
  }

  get isUp(): boolean {
    return this.#channels.parts.connection.isUp;
  }

  /**
   * Claims the channel for `claimant`, which then receives all its messages. Returns a function that releases
   * the claim. Throws `already_subscribed` while this client already subscribes to the channel, and the error
   * that closed the client once the client is closed.
   */
  claim(claimant: Omit<Claimant, "taken">): () => void {
    const { claims, parts } = this.#channels;
    const name = this.#name;
    const taken = new MilepostError(
      "already_subscribed",
      `this client already subscribes to ${name}; close that subscription first`,
    );
    if (claims.has(name) || this.#channels.reads(name)) throw taken;
    const error = parts.closedWith();
    if (error !== undefined) throw error;
    claims.set(name, { ...claimant, taken });
    if (this.#client.state.state === "idle") this.#client.connect();
    return () => claims.delete(name);
  }

  call(message: Call, options: CallOptions): Promise<unknown> {
    return this.#channels.parts.requests.call(message, options);
  }

  after(delayMs: number, callback: () => void): Cancel {
    return this.#channels.parts.schedule.after(delayMs, callback);
  }

  /** Returns the wait before the next attempt, in milliseconds, after `failures` failures in a row. */
  backoffMs(failures: number): number {
    return this.#channels.parts.backoff.delayMs(failures);
  }

  report(error: unknown): void {
    this.#channels.parts.reporter.report(error);
  }
}
