import type { ClientClock } from "../runtime/clock.ts";
import type { TransportFallback } from "./transport-fallback.ts";

/**
 * Life in milliseconds after which a transport connection counts as working although no answer was seen. It is
 * longer than a connection without any answer can live.
 */
const stableAfterMs = 30_000;

/**
 * Number of connections in a row that work and are lost before they are stable, after which the next transport is
 * tried.
 */
const maxBrief = 4;

/**
 * Judges whether the transport of the current connection works, and tells the fallback.
 *
 * A welcome proves nothing: a proxy may let it pass and hold back or break everything after it. A transport works
 * once an answer to a ping has come back, or once its connection has lived for a stable time. A loss before that
 * counts against the transport, unless the gateway itself closed the connection. So do several connections in a row
 * that work and are soon lost: a proxy may end each one after some seconds or some frames.
 */
export class TransportTrial {
  readonly #fallback: TransportFallback;
  readonly #clock: ClientClock;
  #welcomedAt: number | undefined;
  #isPassed = false;
  #brief = 0;

  constructor(fallback: TransportFallback, clock: ClientClock) {
    this.#fallback = fallback;
    this.#clock = clock;
  }

  /** Begins the trial of another transport connection. */
  begin(): void {
    this.#welcomedAt = undefined;
    this.#isPassed = false;
  }

  welcomed(): void {
    this.#welcomedAt = this.#clock.monotonic();
  }

  /** Records that an answer to something that was sent has come back. */
  answered(): void {
    if (this.#isPassed) return;
    this.#isPassed = true;
    this.#fallback.succeeded();
  }

  /** Records that the connection was lost; `code` is its close code. */
  lost(code: number): void {
    if (isWordOfGateway(code)) return;
    const at = this.#welcomedAt;
    const isStable = at !== undefined && this.#clock.monotonic() - at >= stableAfterMs;
    if (this.#isPassed) {
      this.#brief = isStable ? 0 : this.#brief + 1;
      if (this.#brief < maxBrief) return;
      this.#brief = 0;
      this.#fallback.next();
    } else if (isStable && code !== silence) this.#fallback.succeeded();
    else this.#fallback.failed(at !== undefined);
  }
}

/** Close code of a connection on which nothing arrives any more; either side may notice it. */
const silence = 4003;

/**
 * True if only the gateway closes with this code, so that the transport has carried its close. Not among them is the
 * code of a connection on which the gateway heard nothing, as the transport may have swallowed what was sent.
 */
function isWordOfGateway(code: number): boolean {
  return code === 1013 || (code >= 4000 && code <= 4999 && code !== silence && code !== 4408);
}
