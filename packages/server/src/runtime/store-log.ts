import type { CoreLog } from "@milepost/core";
import type { Cancel, Clock, StoreAvailability, StoreState } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import { reasonOf } from "./reason.ts";
import { RecurringErrors } from "./recurring-errors.ts";

const remindEveryMs = 30_000;

/** Log lines for each fault of the store: when it begins, while it lasts, and when it is over. */
const texts = {
  absent: {
    lost: "the store cannot be reached: this node is unhealthy and accepts no connections until it has joined the store",
    still: "the store still cannot be reached: this node accepts no connections",
    back: "this node has joined its store",
  },
  unreachable: {
    lost: "the store is unreachable: this node is degraded until it reconnects",
    still: "the store is still unreachable",
    back: "the store is reachable again",
  },
  refusing: {
    lost: "the store takes no writes: this node is degraded until it takes them again",
    still: "the store still takes no writes",
    back: "the store takes writes again",
  },
  full: {
    lost: "the store is full: this node is degraded until there is memory; raise maxmemory, or keep less by the rules",
    still: "the store is still full",
    back: "the store has memory again",
  },
} as const;

interface Loss {
  readonly at: number;
  /** Fault that the last log line about this loss named. */
  said: keyof typeof texts;
  /** First error since the connection to the store was lost. */
  reason: string | undefined;
  lastReason: string | undefined;
  failedAttempts: number;
  isLogged: boolean;
}

/**
 * Logs outages of a store outside of the process, regardless of how many attempts to connect are made. It
 * writes one line when the store is lost or takes no writes, one every 30 s meanwhile, and one when it is back.
 */
export class StoreLog {
  readonly #log: CoreLog;
  readonly #clock: Clock;
  readonly #errors: RecurringErrors;
  #availability: StoreAvailability | undefined;
  #unwatch: () => void = () => {};
  #cancel: Cancel = () => {};
  #loss: Loss | undefined;
  /** True once the store has been available. */
  #hasJoined = false;

  constructor(log: CoreLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#errors = new RecurringErrors(clock, (fault) =>
      log.warn({ event: "store.error", ...fault }, "error from the store"),
    );
  }

  /** Logs the outages of this store until {@link StoreLog.close}. */
  follow(availability: StoreAvailability): void {
    this.#availability = availability;
    this.#unwatch = availability.onState((state) => this.#onState(state));
    this.#onState(availability.state);
  }

  /** Reports that a connection broke or could not be made. */
  readonly linkError = (error: unknown): void => {
    const loss = this.#loss;
    if (loss === undefined) this.#errors.report(error);
    else if (loss.reason === undefined) loss.reason = reasonOf(error);
    else {
      loss.failedAttempts++;
      loss.lastReason = reasonOf(error);
    }
  };

  /** Reports a failure of background work on the store, which no caller waits for. */
  readonly workError = (error: unknown): void => {
    if (!(error instanceof MilepostError))
      this.#log.warn({ event: "store.error", err: error }, "error from the store");
    else if (error.code !== "store_unavailable" || this.#loss === undefined) {
      this.#errors.report(error);
    }
  };

  /** Stops logging, for example before the connection is closed on purpose. */
  close(): void {
    this.#unwatch();
    this.#cancel();
  }

  #onState(state: StoreState): void {
    if (state === "away") {
      const isSaid = this.#loss?.isLogged === true && this.#loss.said === this.#fault;
      if (!isSaid) {
        this.#cancel();
        this.#logAway();
      }
      return;
    }
    this.#cancel();
    if (state === "available") this.#logBack();
    else {
      this.#loss = {
        at: this.#clock.monotonic(),
        said: this.#hasJoined ? "unreachable" : "absent",
        reason: undefined,
        lastReason: undefined,
        failedAttempts: 0,
        isLogged: false,
      };
      // A store that refuses writes said so itself, and one that is absent at the start was just sought. So no reconnect
      // can turn out to be the reason.
      if (this.#fault !== "unreachable") this.#cancel = this.#clock.after(0, () => this.#logAway());
    }
  }

  get #fault(): keyof typeof texts {
    const { connected, takesWrites, isFull } = this.#availability?.health ?? {};
    const isReached = connected === true && takesWrites === false;
    if (!isReached) return this.#hasJoined ? "unreachable" : "absent";
    return isFull === true ? "full" : "refusing";
  }

  #logAway(): void {
    const loss = this.#loss;
    if (loss === undefined) return;
    const { at, failedAttempts, isLogged } = loss;
    const { reason = loss.reason, reason: lastReason = loss.lastReason } =
      this.#availability?.health ?? {};
    loss.said = this.#fault;
    const { lost, still } = texts[loss.said];
    if (isLogged) {
      const fields = { away_ms: this.#msSince(at), failed_attempts: failedAttempts };
      this.#log.warn(
        { event: "store.still_away", ...this.#store, ...fields, reason: lastReason ?? reason },
        still,
      );
    } else {
      loss.isLogged = true;
      this.#log.warn({ event: "store.lost", ...this.#store, reason }, lost);
    }
    this.#cancel = this.#clock.after(remindEveryMs, () => this.#logAway());
  }

  #logBack(): void {
    const loss = this.#loss;
    this.#hasJoined = true;
    this.#loss = undefined;
    if (loss === undefined) return;
    const { at, said, reason, failedAttempts, isLogged } = loss;
    const fields = { ...this.#store, away_ms: this.#msSince(at) };
    if (isLogged) {
      this.#log.info(
        { event: "store.back", ...fields, failed_attempts: failedAttempts },
        texts[said].back,
      );
    } else {
      this.#log.info(
        { event: "store.reconnected", ...fields, reason },
        "the connection to the store broke and was re-established",
      );
    }
  }

  get #store() {
    return { store: this.#availability?.kind };
  }

  #msSince(at: number): number {
    return Math.round(this.#clock.monotonic() - at);
  }
}
