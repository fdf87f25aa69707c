import type {
  Compactors,
  CoreLog,
  LimitOptions,
  Meter,
  Methods,
  QueueRule,
  Rule,
  Tracer,
} from "@milepost/core";
import type { EngineFactory, Source } from "@milepost/engine";
import type { DefinedContract } from "@milepost/protocol";
import type { ForwardingHeader } from "./admission/forwarded.ts";
import type { AuthOptions } from "./auth/authenticator.ts";
import type { GuestOptions } from "./auth/guests.ts";
import type { BackendsOptions } from "./backends/backends.ts";
import type { SessionCallbackOptions } from "./backends/session-callback.ts";
import type { Role } from "./config/role.ts";
import type { ServerTimeouts } from "./http/gateway-server.ts";
import type { MissingOriginPolicy } from "./http/origin-policy.ts";
import type { TlsFiles } from "./http/tls-certificate.ts";
import type { SiblingMetrics } from "./metrics/gateway-metrics.ts";
import type { ReachOptions } from "./reach/target-sender.ts";

/** Options of {@link createGateway}. */
export interface GatewayOptions {
  readonly auth: AuthOptions;
  /**
   * Contract of channels, operations and methods, see `defineContract`. The gateway refuses data that breaks
   * the contract.
   */
  readonly contract?: DefinedContract;
  /** Engine that stores the channels; default the memory of this process. */
  readonly engine?: EngineFactory;
  /** Rules that take precedence over the default rules. */
  readonly rules?: readonly Rule[];
  /** Rules of the queues; without them, queues exist as API keys configure them. */
  readonly queues?: readonly QueueRule[];
  /** Compactors that rules name in `compact`. */
  readonly compactors?: Compactors;
  /**
   * Channels to which clients that ask for none are subscribed: names in which `{user}`, `{session}`, `{guest}` and
   * `{connection}` stand for the ids of the client. Default: `broadcast`, `user:{user}`, `session:{session}`,
   * `guest:{guest}` and `connection:{connection}`.
   */
  readonly autoSubscribe?: readonly string[];
  /** Methods that clients may request, in addition to the methods of every gateway. */
  readonly methods?: Methods;
  /** Backends that answer methods over HTTP, keyed by the method or method pattern. */
  readonly backends?: BackendsOptions;
  /**
   * Queues whose entries the gateway publishes. The gateway starts them when it is created and closes them when
   * it closes.
   */
  readonly sources?: readonly Source[];
  /**
   * Origins of web pages that may use the gateway, each exactly as browsers send it
   * (`https://app.example.com`); `"*"` allows all. Default: the pages of the gateway's own host. A list replaces
   * this default.
   */
  readonly allowedOrigins?: readonly string[];
  /**
   * Values of the `Host` header that the gateway answers to, in lower case: `gateway.example.com` for every port, or
   * `gateway.example.com:8443`. Default: every name. `/livez`, `/healthz` and `/readyz` answer in any case.
   */
  readonly allowedHosts?: readonly string[];
  /**
   * `refuse` to refuse users whose request has no `Origin`, which browsers always send to another site; default
   * `allow`. Services with an API key need no `Origin`.
   */
  readonly missingOrigin?: MissingOriginPolicy;
  /**
   * Addresses of the proxies in front of the gateway: IP addresses, CIDR ranges, and the names `loopback` and
   * `private`. Their forwarding headers name the clients' addresses. Default none; then peers on loopback and private
   * addresses have no limit per address, because a proxy there may serve everybody.
   */
  readonly trustedProxies?: readonly string[];
  /**
   * The one header in which the trusted proxies name the client. When absent, the first present one of
   * `x-forwarded-for`, `forwarded` and `x-real-ip` counts.
   */
  readonly forwardedHeader?: ForwardingHeader;
  /**
   * True if the trusted proxies begin each connection with a PROXY protocol header, version 1 or 2; default false.
   * Applies to the gateway's own server, not to the server of a host program.
   */
  readonly proxyProtocol?: boolean;
  /** Role of the gateway, which selects whom it serves; default `all`. */
  readonly role?: Role;
  readonly limits?: LimitOptions;
  /** True to compress WebSocket messages of 1 KiB and more for clients that offer it; default false. */
  readonly compression?: boolean;
  /** Maximum lifetime of one `/v1/sse` stream, in milliseconds; default 300,000 (5 minutes). */
  readonly sseMaxLifetimeMs?: number;
  /** Name of the node in welcome messages; default a random name. */
  readonly node?: string;
  /** Log to write to; default a log of warnings and errors on standard output. */
  readonly log?: CoreLog;
  /** Recorder of metrics, one per gateway. When absent, the gateway keeps its metrics itself, see `metrics`. */
  readonly meter?: Meter;
  /**
   * Metrics that the gateway keeps, for `GET /metrics` and {@link Gateway.metrics}; false for none. Default: it keeps
   * them unless it has a `meter`.
   */
  readonly metrics?: boolean | MetricsOptions;
  /**
   * Recorder of traces, such as `openTelemetryTracer()` of `@milepost/server/opentelemetry`. Without one, the gateway reads and
   * stores no trace contexts.
   */
  readonly tracer?: Tracer;
  readonly timeouts?: Partial<ServerTimeouts>;
  /**
   * Certificate and private key, as PEM files, with which {@link Gateway.listen} serves TLS; plain HTTP when absent.
   * When the files change, new connections use the new certificate.
   */
  readonly tls?: TlsFiles;
  /**
   * Makes the gateway refuse tokens of sessions that are neither registered nor validated. Without it, sessions need
   * no registration.
   */
  readonly sessions?: GatewaySessions;
  /** Ways to reach users who are away: web push and webhooks. Without them, users without a visible page get no messages. */
  readonly reach?: ReachOptions;
  /**
   * True to serve the console at `/console`, false not to. Default: where {@link Gateway.listen} listens on loopback.
   * Roles other than `all` and `api` never serve it.
   */
  readonly console?: boolean;
  /** Admits pages without a token as guests: true, or their settings. Default false. */
  readonly guests?: boolean | GuestOptions;
}

/** Metrics that a gateway keeps. */
export interface MetricsOptions {
  /** Port that {@link Gateway.listen} opens for scrapers without a key; 0 picks a free one. Default none. */
  readonly port?: number;
  /** Address of that port; default `127.0.0.1`. Whoever reaches the port may read the metrics. */
  readonly host?: string;
  /** The other processes of this gateway, if it has several. */
  readonly siblings?: SiblingMetrics;
}

/** Sessions that must be registered with `PUT /v1/sessions/{id}`, or validated by a backend. */
export interface GatewaySessions {
  /** True if a session may have a secret that opens its feed by itself; default false. */
  readonly credentials?: boolean;
  /** Backend that is asked for sessions that are not registered. */
  readonly callback?: SessionCallbackOptions;
}
