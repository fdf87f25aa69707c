import type { Clock, Random } from "@milepost/engine";
import type { Channels } from "../channels/channels.ts";
import type { DurableContext } from "../durable/durable-reader.ts";
import type { Hub } from "../hub/hub.ts";
import type { ConnectionSlots } from "../limits/connection-slots.ts";
import type { Traffic } from "../limits/traffic.ts";
import type { OwnershipWatch } from "../operations/ownership-watch.ts";
import type { Presences } from "../presence/presences.ts";
import type { MethodRegistry } from "../requests/method-registry.ts";
import type { MethodServices } from "../requests/method-services.ts";
import type { UserPrincipal } from "../rules/principal.ts";
import type { ErrorLog } from "../runtime/error-log.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";
import type { CoreLimits } from "../runtime/limits.ts";
import type { TokenVerifier } from "../runtime/options.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import type { Ticker } from "../send-queue/ticker.ts";
import type { SessionCheck } from "../sessions/sessions-api.ts";
import type { Signatures } from "../signatures/signatures.ts";
import type { ConnectedClient } from "./connected-client.ts";
import type { ConnectionRegistry } from "./connection-registry.ts";
import type { PersonalChannels } from "./personal-channels.ts";

/** Parts of the node that a connection needs for its heartbeat, its expiry and its close. */
export interface LifecycleContext {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** Watch over the wall clock, by which credentials expire; see `ConnectedClient.onClockSet`. */
  readonly wallClock: { begin(): void };
  readonly ticker: Ticker;
  readonly limits: CoreLimits;
  readonly instruments: CoreInstruments;
  readonly connections: ConnectionRegistry;
  readonly slots: ConnectionSlots;
  readonly traffic: Traffic;
  /** Registration of this node's connections with the cluster. */
  readonly registration: {
    enter(client: ConnectedClient): void;
    leave(client: ConnectedClient): void;
  };
}

/** Parts of the node that its connections use. */
export interface ConnectionContext extends LifecycleContext, MethodServices {
  readonly node: string;
  readonly random: Random;
  readonly errorLog: ErrorLog;
  readonly hub: Hub;
  readonly channels: Channels;
  readonly personal: PersonalChannels;
  readonly signatures: Pick<Signatures, "requireSig" | "refuseUnsigned">;
  readonly ownership: OwnershipWatch;
  readonly presences: Presences;
  readonly methods: MethodRegistry;
  readonly durable: DurableContext;
  /** Outage of the store: `isOn` is true while this node works without its store. */
  readonly outage: { readonly isOn: boolean };
  readonly revocations: {
    /**
     * Returns the principal without its revoked grants; throws `token_revoked` if the whole credential was
     * revoked.
     */
    narrowed(principal: UserPrincipal): UserPrincipal;
  };
  readonly verifyToken: TokenVerifier;
  readonly sessions: SessionCheck;
}
