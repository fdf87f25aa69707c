import type { CoreLog, LimitOptions, Meter, Methods, Rule } from "@milepost/core";
import type { EngineFactory, Source } from "@milepost/engine";
import type { DefinedContract } from "@milepost/protocol";
import type { AuthOptions } from "./auth/authenticator.ts";
import type { BackendsOptions } from "./backends/backends.ts";
import type { Role } from "./config/role.ts";
import type { ServerTimeouts } from "./http/gateway-server.ts";

/** What a gateway is made of. */
export interface GatewayOptions {
  readonly auth: AuthOptions;
  /** What channels, operations and methods carry, see `defineContract`; what breaks it is refused. */
  readonly contract?: DefinedContract;
  /** Where channels live; in the memory of this process when absent. */
  readonly engine?: EngineFactory;
  /** Come before the default rules. */
  readonly rules?: readonly Rule[];
  /** What clients may request besides the methods that every gateway has. */
  readonly methods?: Methods;
  /** Methods that backends answer by HTTP. */
  readonly backends?: BackendsOptions;
  /** Queues that publications come from; the gateway reads them from when it is made until it is closed, and closes them. */
  readonly sources?: readonly Source[];
  /**
   * Pages that may use the gateway from a browser, each exactly as browsers send it
   * (`https://app.example.com`); `"*"` is all. The gateway's own host is always allowed.
   */
  readonly allowedOrigins?: readonly string[];
  /** Which doors it serves; all when absent. */
  readonly role?: Role;
  readonly limits?: LimitOptions;
  /** Whether WebSocket messages of 1 KiB and more are compressed for clients that offer it; false when absent. */
  readonly compression?: boolean;
  /** How long one `/v1/sse` stream lasts at most, in milliseconds; 5 minutes when absent. */
  readonly sseMaxLifetimeMs?: number;
  /** The node's name in welcomes; made up when absent. */
  readonly node?: string;
  /** Warnings and errors to standard output when absent. */
  readonly log?: CoreLog;
  /** Recorder of metrics, one per gateway; nothing is recorded when absent. */
  readonly meter?: Meter;
  readonly timeouts?: Partial<ServerTimeouts>;
}
