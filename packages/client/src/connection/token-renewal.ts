import type { Requests } from "../request/requests.ts";
import type { Cancel, ClientClock } from "../runtime/clock.ts";
import type { Reporter } from "../runtime/reporter.ts";
import type { Schedule } from "../runtime/schedule.ts";
import type { TokenKeeper } from "./token.ts";

/** What a renewal needs of the rest of the client. */
export interface TokenRenewalParts {
  readonly token: TokenKeeper;
  readonly requests: Requests;
  readonly clock: ClientClock;
  readonly schedule: Schedule;
  readonly reporter: Reporter;
}

/** From one renewal to the next at least: tokens may be so short that the service calls each new one ending. */
const restMs = 10_000;

/** Prolongs the connection in place; should that fail, the service closes it and a reconnect gets a token. */
export class TokenRenewal {
  readonly #parts: TokenRenewalParts;
  #notBefore = 0;
  #planned: Cancel | undefined;

  constructor(parts: TokenRenewalParts) {
    this.#parts = parts;
  }

  /** The service says that the token ends soon. */
  expiring(): void {
    const { token, clock, schedule } = this.#parts;
    if (!token.renewable || this.#planned !== undefined) return;
    const delayMs = this.#notBefore - clock.monotonic();
    if (delayMs <= 0) void this.#renew();
    else {
      this.#planned = schedule.after(delayMs, () => {
        this.#planned = undefined;
        void this.#renew();
      });
    }
  }

  /** The connection is gone; the next one brings a token of its own. */
  down(): void {
    this.#planned?.();
    this.#planned = undefined;
  }

  async #renew(): Promise<void> {
    const { token, requests, clock, reporter } = this.#parts;
    this.#notBefore = clock.monotonic() + restMs;
    try {
      const next = await token.get();
      if (next !== undefined) await requests.call({ type: "auth", token: next });
    } catch (error) {
      reporter.report(error);
    }
  }
}
