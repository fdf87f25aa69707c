import type { StoreAvailability } from "@milepost/engine";
import { type Failure, failure, MilepostError } from "@milepost/protocol";
import type { CoreLog } from "./options.ts";

/** Logs errors that no caller sees, and turns any error into a failure that a peer may see. */
export class ErrorLog {
  readonly #log: CoreLog | undefined;
  readonly #store: Pick<StoreAvailability, "state"> | undefined;

  constructor(log: CoreLog | undefined, store?: Pick<StoreAvailability, "state">) {
    this.#log = log;
    this.#store = store;
  }

  /**
   * Logs an error of work that no caller waits for. Skips `store_unavailable` while the store is known to be
   * unavailable.
   */
  readonly report = (error: unknown): void => {
    if (this.#isOutage(error)) return;
    if (error instanceof MilepostError && error.code !== "internal") {
      this.#log?.warn(
        { event: "work.failed", code: error.code, err: error },
        "background work failed",
      );
    } else this.#log?.error({ event: "work.failed", err: error }, "background work failed");
  };

  /**
   * Returns the failure to answer with. An error that is not a MilepostError is logged with the fields `about`,
   * and becomes `internal`.
   */
  failureOf(error: unknown, about: Record<string, unknown> = {}): Failure {
    if (error instanceof MilepostError) return error.toFailure();
    this.#log?.error({ event: "request.failed", ...about, err: error }, "a request failed");
    return failure("internal", "the gateway failed; see its log for the reason");
  }

  #isOutage(error: unknown): boolean {
    if (!(error instanceof MilepostError) || error.code !== "store_unavailable") return false;
    return this.#store !== undefined && this.#store.state !== "available";
  }
}
