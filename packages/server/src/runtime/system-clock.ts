import type { Cancel, Clock } from "@milepost/engine";
import { startTimer } from "@milepost/protocol";

/** Clock of the machine. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: timersWhich((timer) => timer.unref()),
  soon(callback): Cancel {
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  },
};

/** Clock of the machine whose timers keep the process alive. */
export const waitingClock: Pick<Clock, "monotonic" | "after"> = {
  monotonic: () => performance.now(),
  after: timersWhich(() => {}),
};

function timersWhich(prepare: (timer: NodeJS.Timeout) => void): Clock["after"] {
  return (delayMs, callback) =>
    startTimer(delayMs, callback, (partMs, next) => {
      const timer = setTimeout(next, partMs);
      prepare(timer);
      return () => clearTimeout(timer);
    });
}
