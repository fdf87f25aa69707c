import type { Channels } from "./channels.ts";
import type { ConnectionRegistry } from "./connection/connection-registry.ts";
import type { CoreLimits, CoreLog, Operations, TokenVerifier } from "./core.ts";
import type { DurableContext } from "./durable/durable-reader.ts";
import type { Faults } from "./fault.ts";
import type { Hub } from "./hub/hub.ts";
import type { Ticker } from "./hub/ticker.ts";
import type { RevokedAuthority } from "./nodes/revoked-authority.ts";
import type { Roll } from "./nodes/roll.ts";
import type { Outage } from "./outage.ts";
import type { Clock } from "./ports/clock.ts";
import type { Engine } from "./ports/engine.ts";
import type { Random } from "./ports/random.ts";
import type { Presences } from "./presence/presences.ts";
import type { MethodRegistry } from "./requests/method-registry.ts";
import type { TimerWheel } from "./timer-wheel.ts";

/** What the parts of one node share. */
export interface NodeContext {
  readonly node: string;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: CoreLimits;
  readonly log: CoreLog | undefined;
  readonly faults: Faults;
  readonly wheel: TimerWheel;
  readonly ticker: Ticker;
  readonly hub: Hub;
  readonly channels: Channels;
  readonly methods: MethodRegistry;
  readonly operations: Operations;
  readonly presences: Presences;
  readonly durable: DurableContext;
  readonly connections: ConnectionRegistry;
  readonly outage: Outage;
  readonly roll: Roll;
  readonly revoked: RevokedAuthority;
  readonly verifyToken: TokenVerifier;
}
