/** Longest delay of one timer of the platform, in milliseconds; browsers and Node fire a longer one at once. */
export const longestTimerMs = 2 ** 31 - 1;

/**
 * Starts a timer whose delay may be longer than one timer of the platform can hold: it then waits in several
 * parts. All clocks of Milepost that use real time are built on it.
 *
 * A negative delay and one that is not a number count as 0. `Infinity` never fires. `start` starts one timer of
 * the platform and returns a function that cancels it; so does `startTimer`.
 */
export function startTimer(
  delayMs: number,
  callback: () => void,
  start: (delayMs: number, callback: () => void) => () => void,
): () => void {
  let leftMs = timerDelayMs(delayMs);
  let cancel = () => {};
  const wait = () => {
    const partMs = Math.min(leftMs, longestTimerMs);
    leftMs -= partMs;
    cancel = start(partMs, leftMs > 0 ? wait : callback);
  };
  wait();
  return () => cancel();
}

/**
 * Returns the delay that a timer uses, in milliseconds: 0 for a negative delay and for one that is not a number.
 */
export function timerDelayMs(delayMs: number): number {
  return delayMs > 0 ? delayMs : 0;
}
