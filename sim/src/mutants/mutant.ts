import type { CoreLimits, Encoder, TransportEvents, UserPrincipal } from "@milepost/core";
import type { ChannelLog, Leases } from "@milepost/engine";
import type { Tamper } from "../link.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Store } from "../store.ts";
import type { VirtualTime } from "../virtual-time.ts";

/** Parts that a mutant of the messages may use. */
export interface DoorParts {
  readonly dialect: Encoder["dialect"];
  readonly random: SeededRandom;
  readonly time: VirtualTime;
  readonly store: Store;
}

/** Parts that a mutant of the log may use. */
export interface LogParts {
  readonly random: SeededRandom;
  readonly time: VirtualTime;
}

/**
 * Defect of the product that the checker must find. It is built from the outside, around the engine's ports,
 * the transport or the token check, so that the product has no switch for it.
 */
export interface Mutant {
  readonly name: string;
  /** Id of the guarantee that the mutant breaks. */
  readonly breaks: string;
  /** Id under which the checker reports it, where its first symptom belongs to another guarantee. */
  readonly shownAs?: string;
  readonly log?: (log: ChannelLog, parts: LogParts) => ChannelLog;
  readonly tamper?: (parts: DoorParts) => Tamper;
  readonly leases?: (leases: Leases) => Leases;
  /** Replaces the principal of a credential that a node has verified. */
  readonly credential?: (principal: UserPrincipal) => UserPrincipal;
  readonly limits?: Partial<CoreLimits>;
  /** Wraps the events that a node receives from a connection. */
  readonly attach?: (events: TransportEvents) => TransportEvents;
}
