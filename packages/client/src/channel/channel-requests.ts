import { MilepostError } from "@milepost/protocol";
import { type Claimant, type Lent, lentBy } from "../internals.ts";
import type { Call, CallOptions } from "../request/requests.ts";
import type { Cancel } from "../runtime/clock.ts";
import type { Channel } from "./channel.ts";
import type { Channels } from "./channels.ts";

/** What a part of the client that is not in its core may do with one channel. */
export class ChannelRequests {
  readonly #name: string;
  readonly #channels: Channels;
  readonly #client: Lent[1];

  /** Of a channel that a client of this package made. */
  constructor(channel: Pick<Channel, "name">) {
    const lent = lentBy(channel);
    if (lent === undefined) throw new TypeError("this channel was not made by a client");
    this.#name = channel.name;
    [this.#channels, this.#client] = lent;
  }

  get isUp(): boolean {
    return this.#channels.parts.isUp();
  }

  /** Takes the channel, and gives it up when called; throws `already_subscribed` while the client reads it otherwise. */
  claim(claimant: Claimant): () => void {
    const { claims, parts } = this.#channels;
    const name = this.#name;
    if (claims.has(name) || this.#channels.reads(name)) {
      throw new MilepostError("already_subscribed", `this client reads ${name} already`);
    }
    const error = parts.closedWith();
    if (error !== undefined) throw error;
    claims.set(name, claimant);
    if (this.#client.state.state === "idle") this.#client.connect();
    return () => claims.delete(name);
  }

  call(message: Call, options: CallOptions): Promise<unknown> {
    return this.#channels.parts.requests.call(message, options);
  }

  after(delayMs: number, callback: () => void): Cancel {
    return this.#channels.parts.schedule.after(delayMs, callback);
  }

  /** How long to wait after so many failures in a row. */
  backoffMs(failures: number): number {
    return this.#channels.parts.backoff.delayMs(failures);
  }

  report(error: unknown): void {
    this.#channels.parts.reporter.report(error);
  }
}
