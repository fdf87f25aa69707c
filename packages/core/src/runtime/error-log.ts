import type { StoreWatch } from "@milepost/engine";
import { type Failure, failure, MilepostError } from "@milepost/protocol";
import type { CoreLog } from "./options.ts";

/** Tells faults that no caller hears of, and turns any error into what a peer may see. */
export class ErrorLog {
  readonly #log: CoreLog | undefined;
  readonly #store: StoreWatch | undefined;

  constructor(log: CoreLog | undefined, store?: StoreWatch) {
    this.#log = log;
    this.#store = store;
  }

  /** A fault in work that nobody waits for; nothing new where the store is known to be away. */
  readonly report = (error: unknown): void => {
    if (this.#isOutage(error)) return;
    if (error instanceof MilepostError && error.code !== "internal") {
      this.#log?.warn({ code: error.code, err: error }, "background work failed");
    } else this.#log?.error({ err: error }, "background work failed");
  };

  /** The failure to answer with; what is not a MilepostError is logged, with what it is about, and told as `internal`. */
  failureOf(error: unknown, about: Record<string, unknown> = {}): Failure {
    if (error instanceof MilepostError) return error.toFailure();
    this.#log?.error({ ...about, err: error }, "a request failed");
    return failure("internal", "the service failed; its log says why");
  }

  #isOutage(error: unknown): boolean {
    if (!(error instanceof MilepostError) || error.code !== "store_unavailable") return false;
    const { connected, busConnected } = this.#store?.health ?? isWell;
    return !(connected && busConnected);
  }
}

const isWell = { connected: true, busConnected: true };
