/**
 * Calls `run` at an interval, except while its last call still waits, as it does for a Redis that is away. Returns the
 * timer, which keeps no process alive. `run` must not reject.
 */
export function every(ms: number, run: () => Promise<void>): NodeJS.Timeout {
  let isRunning = false;
  const timer = setInterval(() => {
    if (isRunning) return;
    isRunning = true;
    void run().then(() => {
      isRunning = false;
    });
  }, ms);
  timer.unref();
  return timer;
}
