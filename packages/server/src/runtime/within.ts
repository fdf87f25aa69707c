import { systemClock } from "./system-clock.ts";

/** Resolves or rejects with the promise, or resolves after `ms` milliseconds. */
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let cancel: () => void = () => {};
  const late = new Promise<void>((resolve) => {
    cancel = systemClock.after(ms, resolve);
  });
  await Promise.race([promise, late]);
  cancel();
}
