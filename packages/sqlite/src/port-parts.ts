import type { Clock, Random } from "@milepost/engine";
import type { SqliteStore } from "./sqlite-store.ts";
import type { StoreClock } from "./store-clock.ts";

/** Parts that every port is made of. */
export interface PortParts {
  readonly store: SqliteStore;
  /** Time by which things end. */
  readonly storeClock: StoreClock;
  /** Time that people see. */
  readonly clock: Clock;
  readonly random: Random;
}
