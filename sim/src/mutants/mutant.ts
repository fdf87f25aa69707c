import type { CoreLimits, Encoder, TransportEvents, UserPrincipal } from "@milepost/core";
import type { ChannelLog, Leases } from "@milepost/engine";
import type { Tamper } from "../link.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Store } from "../store.ts";
import type { VirtualTime } from "../virtual-time.ts";

/** What a mutant of the door may use. */
export interface DoorParts {
  readonly dialect: Encoder["dialect"];
  readonly random: SeededRandom;
  readonly time: VirtualTime;
  readonly store: Store;
}

/** What a mutant of the store's client may use. */
export interface LogParts {
  readonly random: SeededRandom;
  readonly time: VirtualTime;
}

/**
 * A fault of the product that the checker must find, built from the outside: around the engine's ports, the
 * door or the token check, so that the product holds no switch for it.
 */
export interface Mutant {
  readonly name: string;
  /** The guarantee it breaks. */
  readonly breaks: string;
  readonly log?: (log: ChannelLog, parts: LogParts) => ChannelLog;
  readonly tamper?: (parts: DoorParts) => Tamper;
  readonly leases?: (leases: Leases) => Leases;
  /** What a node believes of a credential that it has checked. */
  readonly credential?: (principal: UserPrincipal) => UserPrincipal;
  readonly limits?: Partial<CoreLimits>;
  /** What a node hears of a connection. */
  readonly attach?: (events: TransportEvents) => TransportEvents;
}
