import type { Cancel } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";
import type { Upgrade } from "./transport-upgrade.ts";

/** Wait before another look whether the code is loaded, in milliseconds. */
const loadAgainMs = 60_000;

/**
 * Returns the return to a better transport, which is created when the client first connects over a worse one.
 * `create` returns undefined while its code is not loaded, and then begins to load it. The code is loaded together
 * with the fallback transports, so it is missing only after a failed load.
 */
export function lazyUpgrade(
  schedule: Schedule,
  fallback: { readonly isBelow: boolean },
  create: () => Upgrade | undefined,
): Upgrade {
  let upgrade: Upgrade | undefined;
  let cancel: Cancel | undefined;
  const lazy: Upgrade = {
    start() {
      lazy.stop();
      if (!fallback.isBelow) return;
      upgrade ??= create();
      if (upgrade === undefined) cancel = schedule.after(loadAgainMs, lazy.start);
      else upgrade.start();
    },
    stop() {
      cancel?.();
      upgrade?.stop();
    },
  };
  return lazy;
}
