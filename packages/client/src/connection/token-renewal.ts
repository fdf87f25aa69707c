import { MilepostError } from "@milepost/protocol";
import type { Requests } from "../request/requests.ts";
import type { Cancel, ClientClock } from "../runtime/clock.ts";
import type { Reporter } from "../runtime/reporter.ts";
import type { Schedule } from "../runtime/schedule.ts";
import { lateToken, type TokenKeeper, tokenWaitMs } from "./token.ts";

/** Parts of the client that a token renewal uses. */
export interface TokenRenewalParts {
  readonly token: TokenKeeper;
  readonly requests: Requests;
  readonly clock: ClientClock;
  readonly schedule: Schedule;
  readonly reporter: Reporter;
  /** Called with the new token once the gateway has accepted it. */
  onRenewed(token: string): void;
}

/**
 * Minimum time between two renewals, in milliseconds. Tokens may live so briefly that the gateway announces
 * each new one as expiring.
 */
const restMs = 10_000;

/**
 * Renews the token on the open connection. If that fails, and the gateway does not say when to try again, it closes
 * the connection and the reconnect fetches a token.
 */
export class TokenRenewal {
  readonly #parts: TokenRenewalParts;
  #notBefore = 0;
  #planned: Cancel | undefined;
  #late: Cancel | undefined;

  constructor(parts: TokenRenewalParts) {
    this.#parts = parts;
  }

  /** Handles the gateway's notice that the token expires soon. */
  expiring(): void {
    const { token, clock, schedule } = this.#parts;
    if (!token.renewsInPlace || this.#planned !== undefined) return;
    const delayMs = this.#notBefore - clock.monotonic();
    if (delayMs <= 0) void this.#renew();
    else {
      this.#planned = schedule.after(delayMs, () => {
        this.#planned = undefined;
        void this.#renew();
      });
    }
  }

  /** Cancels a planned renewal when the connection is lost, because a reconnect fetches a token anyway. */
  down(): void {
    this.#planned?.();
    this.#planned = undefined;
    this.#late?.();
  }

  async #renew(): Promise<void> {
    const { token, requests, clock, schedule, reporter, onRenewed } = this.#parts;
    this.#notBefore = clock.monotonic() + restMs;
    this.#late?.();
    const late = schedule.after(tokenWaitMs, () => reporter.report(lateToken()));
    this.#late = late;
    try {
      const next = await token.get();
      late();
      if (next === undefined) return;
      await requests.call({ type: "auth", token: next });
      onRenewed(next);
    } catch (error) {
      late();
      reporter.report(error);
      if (!(error instanceof MilepostError) || error.retryAfterMs === undefined) return;
      this.#notBefore = Math.max(this.#notBefore, clock.monotonic() + error.retryAfterMs);
      this.expiring();
    }
  }
}
