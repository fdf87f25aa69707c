/**
 * Runs a callback after a time, and returns what cancels it. The disk has its own time: tests that move a clock by years
 * must not look at it every second of them. A process may end while the callback waits.
 */
export function realAfter(ms: number, callback: () => void): () => void {
  const timer = setTimeout(callback, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
