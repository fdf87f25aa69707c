import type { Clock, Engine, Random } from "@milepost/engine";
import type { Channels } from "../channels/channels.ts";
import type { ConnectionRegistration } from "../cluster/connection-registration.ts";
import type { RevocationCache } from "../cluster/revocation-cache.ts";
import type { ConnectionRegistry } from "../connection/connection-registry.ts";
import type { DurableContext } from "../durable/durable-reader.ts";
import type { Hub } from "../hub/hub.ts";
import type { Presences } from "../presence/presences.ts";
import type { MethodRegistry } from "../requests/method-registry.ts";
import type { ErrorLog } from "../runtime/error-log.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import type { Ticker } from "../send-queue/ticker.ts";
import type { Outage } from "../store/outage.ts";
import type { CoreLimits, CoreLog, Operations, TokenVerifier } from "./core.ts";

/** What the parts of one node share. */
export interface NodeContext {
  readonly node: string;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: CoreLimits;
  readonly log: CoreLog | undefined;
  readonly errorLog: ErrorLog;
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
  readonly registration: ConnectionRegistration;
  readonly revocations: RevocationCache;
  readonly verifyToken: TokenVerifier;
}
