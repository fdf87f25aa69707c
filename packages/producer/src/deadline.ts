import { MilepostError } from "@milepost/protocol";
import type { Clock } from "./clock.ts";

/**
 * Calls `invoke` and gives up waiting after `ms` milliseconds, even when `invoke` ignores its signal.
 *
 * Rejects with `timed_out` when the time is up, and with `outer`'s reason when `outer` aborts first
 * (`cancelled` unless the reason is a `MilepostError`). Any error of `invoke`, thrown or rejected, is passed
 * on.
 */
export function withDeadline<T>(
  clock: Clock,
  ms: number,
  invoke: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const controller = new AbortController();
    const giveUp = (error: MilepostError) => {
      release();
      reject(error);
      controller.abort(error);
    };
    const onOuterAbort = () => {
      const reason: unknown = outer?.reason;
      const given = reason instanceof MilepostError ? reason : undefined;
      giveUp(given ?? new MilepostError("cancelled", "the caller cancelled the call"));
    };
    const cancelTimer = clock.after(ms, () =>
      giveUp(new MilepostError("timed_out", `the gateway did not answer within ${ms} ms`)),
    );
    const release = () => {
      cancelTimer();
      outer?.removeEventListener("abort", onOuterAbort);
    };
    if (outer?.aborted) return onOuterAbort();
    outer?.addEventListener("abort", onOuterAbort, { once: true });
    (async () => invoke(controller.signal))().then(
      (value) => {
        release();
        resolve(value);
      },
      (thrown: unknown) => {
        release();
        reject(thrown);
      },
    );
  });
}
