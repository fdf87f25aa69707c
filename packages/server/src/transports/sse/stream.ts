import type { ServerResponse } from "node:http";
import type { Encoder, Transport, TransportEvents } from "@milepost/core";
import type { Clock, ConsumerKind, Random } from "@milepost/engine";
import { type CloseCode, encodeSseEvent, encodeSseRetry, sseComment } from "@milepost/protocol";
import { safeHeaders } from "../../http/safe-headers.ts";
import { type SseForm, sseEncoders, sseName } from "./encoders.ts";
import type { StreamQuery } from "./stream-query.ts";

/** Dependencies and settings of a stream. */
export interface SseStreamParts {
  readonly clock: Clock;
  readonly random: Random;
  /** Maximum lifetime of a stream, in milliseconds. Each stream ends after a random 80 to 100 % of it. */
  readonly maxLifetimeMs: number;
  /** Interval of the comments that keep a stream open, in milliseconds. */
  readonly commentMs: number;
}

const startRetry = { minMs: 1_000, maxMs: 3_000 };
const agedRetry = { minMs: 0, maxMs: 1_000 };
const closedRetry = { minMs: 1_000, maxMs: 5_000 };
/** Wait before the next try where a number was reached, so that retries do not add to the load. */
const fullRetry = { minMs: 30_000, maxMs: 60_000 };
/** Close code of a stream that has reached its maximum lifetime. */
const aged: CloseCode = 1001;

/**
 * The core's transport of one `text/event-stream`.
 *
 * An SSE client sends nothing, so it counts as alive while it reads what is written. The stream's age is
 * checked with each heartbeat, so it needs no timer of its own.
 */
export class SseStream implements Transport {
  readonly encoder: Encoder;
  readonly consumer: ConsumerKind;
  readonly pingIntervalMs: number;
  readonly #form: SseForm;
  readonly #response: ServerResponse;
  readonly #parts: SseStreamParts;
  readonly #endsAt: number;
  #events: TransportEvents | undefined;
  #ended = false;

  /**
   * Answers the request: the status, the headers and the first `retry` are sent before anything else happens.
   */
  constructor(
    response: ServerResponse,
    { form, consumer }: Pick<StreamQuery, "form" | "consumer">,
    parts: SseStreamParts,
  ) {
    this.consumer = consumer;
    this.pingIntervalMs = parts.commentMs;
    this.encoder = sseEncoders[form];
    this.#form = form;
    this.#response = response;
    this.#parts = parts;
    const { clock, random, maxLifetimeMs } = parts;
    this.#endsAt = clock.monotonic() + maxLifetimeMs * (1 - random.fraction() / 5);
    response.writeHead(200, sseHeaders);
    response.write(encodeSseRetry(this.#within(startRetry)));
  }

  /**
   * Sets the receiver of the transport's events. A stream whose response is already closed reports its close at
   * once.
   */
  attach(events: TransportEvents): void {
    if (this.#response.destroyed) {
      events.onClose();
      return;
    }
    this.#events = events;
    this.#response.on("drain", () => this.#events?.onDrain());
    this.#response.on("error", () => {});
    this.#response.on("close", () => {
      this.#ended = true;
      this.#events = undefined;
      events.onClose();
    });
  }

  write(bytes: Uint8Array): void {
    if (!this.#ended) this.#response.write(bytes);
  }

  get bufferedBytes(): number {
    return this.#response.writableLength;
  }

  close(code: number, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    const data = JSON.stringify({ type: "close", code, reason });
    const name = this.#form === "plain-named" ? sseName("close") : {};
    const span = code === aged ? agedRetry : code === 4409 ? fullRetry : closedRetry;
    const retry = encodeSseRetry(this.#within(span));
    this.#response.end(retry + encodeSseEvent({ ...name, data }));
  }

  terminate(): void {
    this.#ended = true;
    this.#response.destroy();
  }

  ping(): void {
    if (this.#ended) return;
    if (this.bufferedBytes === 0) this.#events?.onAlive();
    if (this.#parts.clock.monotonic() >= this.#endsAt) this.close(aged, "reconnect and resume");
    else this.#response.write(sseComment);
  }

  #within({ minMs, maxMs }: { readonly minMs: number; readonly maxMs: number }): number {
    return minMs + this.#parts.random.fraction() * (maxMs - minMs);
  }
}

const sseHeaders = {
  ...safeHeaders,
  "Content-Type": "text/event-stream",
  // A proxy that compresses or buffers the response would hold events back.
  "Cache-Control": "no-store, no-transform",
  "X-Accel-Buffering": "no",
  // A kept-alive connection of an ended stream would delay the end of the node.
  Connection: "close",
};
