import type { CoreLog } from "@milepost/core";
import type { Cancel, Clock, StoreAvailability, StoreState } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import { reasonOf } from "./reason.ts";
import { RecurringErrors } from "./recurring-errors.ts";

const remindEveryMs = 30_000;

interface Loss {
  readonly at: number;
  /** Why it was lost: the first fault that was told since. */
  reason: string | undefined;
  lastReason: string | undefined;
  failedAttempts: number;
  isLogged: boolean;
}

/**
 * What the log says of a store outside of the process: a line when it is lost, one every 30 s while it is away, and one when it
 * is back, however often it is tried meanwhile.
 */
export class StoreLog {
  readonly #log: CoreLog;
  readonly #clock: Clock;
  readonly #errors: RecurringErrors;
  #availability: StoreAvailability | undefined;
  #unwatch: () => void = () => {};
  #cancel: Cancel = () => {};
  #loss: Loss | undefined;

  constructor(log: CoreLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#errors = new RecurringErrors(clock, (fault) =>
      log.warn({ ...fault }, "a fault of the store"),
    );
  }

  /** Tells of this store until it is closed. */
  follow(availability: StoreAvailability): void {
    this.#availability = availability;
    this.#unwatch = availability.onState((state) => this.#onState(state));
    this.#onState(availability.state);
  }

  /** A connection broke, or could not be made. */
  readonly linkError = (error: unknown): void => {
    const loss = this.#loss;
    if (loss === undefined) this.#errors.report(error);
    else if (loss.reason === undefined) loss.reason = reasonOf(error);
    else {
      loss.failedAttempts++;
      loss.lastReason = reasonOf(error);
    }
  };

  /** Work on the store failed that nobody waits for. */
  readonly workError = (error: unknown): void => {
    if (!(error instanceof MilepostError)) this.#log.warn({ err: error }, "a fault of the store");
    else if (error.code !== "store_unavailable" || this.#loss === undefined) {
      this.#errors.report(error);
    }
  };

  /** Says nothing more, for instance of a connection that is closed on purpose. */
  close(): void {
    this.#unwatch();
    this.#cancel();
  }

  #onState(state: StoreState): void {
    if (state === "away") {
      this.#logAway();
      return;
    }
    this.#cancel();
    if (state === "available") this.#logBack();
    else {
      this.#loss = {
        at: this.#clock.monotonic(),
        reason: undefined,
        lastReason: undefined,
        failedAttempts: 0,
        isLogged: false,
      };
    }
  }

  #logAway(): void {
    const loss = this.#loss;
    if (loss === undefined) return;
    const { at, reason, lastReason, failedAttempts, isLogged } = loss;
    if (isLogged) {
      const fields = { away_ms: this.#msSince(at), failed_attempts: failedAttempts };
      this.#log.warn(
        { ...this.#store, ...fields, reason: lastReason ?? reason },
        "the store is still away",
      );
    } else {
      loss.isLogged = true;
      this.#log.warn(
        { ...this.#store, reason },
        "the store is lost: this node is degraded until it is back",
      );
    }
    this.#cancel = this.#clock.after(remindEveryMs, () => this.#logAway());
  }

  #logBack(): void {
    const loss = this.#loss;
    this.#loss = undefined;
    if (loss === undefined) return;
    const { at, reason, failedAttempts, isLogged } = loss;
    const fields = { ...this.#store, away_ms: this.#msSince(at) };
    if (isLogged) {
      this.#log.info({ ...fields, failed_attempts: failedAttempts }, "the store is back");
    } else {
      this.#log.info({ ...fields, reason }, "the connection to the store broke and was made anew");
    }
  }

  get #store() {
    return { store: this.#availability?.kind };
  }

  #msSince(at: number): number {
    return Math.round(this.#clock.monotonic() - at);
  }
}
