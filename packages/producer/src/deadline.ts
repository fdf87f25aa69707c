import { MilepostError } from "@milepost/protocol";
import type { Clock } from "./clock.ts";
import { isMilepostError } from "./outcome.ts";

/**
 * Calls `invoke` and stops waiting for it after `ms` milliseconds, even if `invoke` ignores its signal.
 *
 * Rejects with `timed_out` when the time is over. If `outer` aborts first, rejects with the reason of `outer`
 * if that is a `MilepostError`, otherwise with `cancelled`. Rejects with the error of `invoke` if `invoke`
 * throws or rejects.
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
      const given = isMilepostError(reason) ? reason : undefined;
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
