import { createHash } from "node:crypto";
import type { AddressInfo } from "node:net";
import {
  type CoreStats,
  createCore,
  type Ended,
  type Published,
  type PublishOptions,
  type ServicePrincipal,
} from "@milepost/core";
import { memoryEngine } from "@milepost/engine";
import type { ChannelName, EventsOf } from "@milepost/model";
import {
  type AnyContract,
  type AnyFormOfContract,
  type Contract,
  type ContractOf,
  MilepostError,
} from "@milepost/protocol";
import { ClientAddresses } from "./admission/client-addresses.ts";
import { ClientSockets } from "./admission/client-sockets.ts";
import { createAuthenticator } from "./auth/authenticator.ts";
import { withGuests } from "./auth/guest-authenticator.ts";
import { type GuestParts, Guests, type IssuedGuest } from "./auth/guests.ts";
import type { TokenContent } from "./auth/tokens.ts";
import type { BackendStats } from "./backends/backend.ts";
import { Backends } from "./backends/backends.ts";
import { SessionCallback } from "./backends/session-callback.ts";
import { isLoopback } from "./config/exposure.ts";
import { compileJsonSchema } from "./config/json-schema.ts";
import { servesBackends, servesReaders } from "./config/role.ts";
import { ConsolePages } from "./console/console-pages.ts";
import type { OptionsOf } from "./contract.ts";
import type { GatewayOptions } from "./gateway-options.ts";
import { createHttpApp } from "./http/app.ts";
import { GatewayServer } from "./http/gateway-server.ts";
import type { HttpServer } from "./http/http-server.ts";
import { createHttpListener } from "./http/listener.ts";
import { type Detach, type HttpHandlers, mount } from "./http/mount.ts";
import { originPolicy } from "./http/origin-policy.ts";
import { StraightPath } from "./http/straight-path.ts";
import { UnreadAnswers } from "./http/unread-answers.ts";
import type { Exposition } from "./metrics/exposition.ts";
import { GatewayMetrics } from "./metrics/gateway-metrics.ts";
import { MetricsServer } from "./metrics/metrics-server.ts";
import { ProcessReporter } from "./metrics/process-report.ts";
import { type GatewayOperations, operationsOf } from "./operations.ts";
import { TargetSender } from "./reach/target-sender.ts";
import { CollapsingLog } from "./runtime/collapsing-log.ts";
import { createLog } from "./runtime/log.ts";
import { systemClock } from "./runtime/system-clock.ts";
import { systemRandom } from "./runtime/system-random.ts";
import { within } from "./runtime/within.ts";
import { type GatewayStudio, studioOf } from "./studio.ts";
import type { DoorFactory } from "./transports/door.ts";
import { DoorSet } from "./transports/door-set.ts";
import { doors as doorFactories } from "./transports/doors.ts";

/** Counters for health and metrics. */
export interface GatewayStats extends CoreStats {
  readonly backends: readonly BackendStats[];
}

/** Address to listen on. */
export interface ListenOptions {
  /** Port to listen on; default 8787. 0 picks a free port. */
  readonly port?: number;
  /**
   * Host to listen on; default `127.0.0.1`, so that the gateway is unreachable from outside unless configured
   * otherwise.
   */
  readonly host?: string;
}

/**
 * Gateway in this process. With a contract, it publishes only the events and data that the contract defines.
 */
export interface Gateway<C extends Contract = AnyContract> extends AsyncDisposable {
  readonly operations: GatewayOperations;
  /** Updates for single people: queue, synchronisation, preview, generation, notifications and errors. */
  readonly studio: GatewayStudio;
  /** Name of the node, as in welcome messages and lists of connections. */
  readonly node: string;
  /**
   * Attaches the gateway to a server of the host program. The gateway answers requests to `/v1`, `/v1/…`,
   * `/ws`, `/ws/…`, `/livez`, `/healthz`, `/readyz` and `/openapi.json`, and upgrades of `/ws` and below. All other
   * requests stay with the server's own listeners. With the option `console`, it also answers `/console` and below.
   */
  attach(server: HttpServer): Detach;
  /**
   * Listens with the gateway's own server; rejects with an error that says what to do when the port is taken.
   */
  listen(options?: ListenOptions): Promise<AddressInfo>;
  /** Returns the address of the gateway's own server; undefined before {@link Gateway.listen}. */
  address(): AddressInfo | undefined;
  /**
   * Publishes with the rights of a service; resolves once the entry is in the log. A repeated `key` creates no
   * second entry.
   */
  publish<Name extends ChannelName<C>, Event extends keyof EventsOf<C, Name> & string>(
    channel: Name,
    event: Event,
    data: EventsOf<C, Name>[Event],
    options?: PublishOptions,
  ): Promise<Published>;
  /** Ends a channel, with the rights of a service; nothing can be published to it afterwards. */
  end(channel: string, reason?: string): Promise<Ended>;
  /** Issues a user token; it is valid for one hour unless `ttlMs` says otherwise. */
  mintToken(content: TokenContent): Promise<string>;
  /**
   * Returns the guest with this name, and a token for its page. Whoever gets a token for a name is that guest, so the
   * host program decides who may have which name. Throws `not_supported` where the deployment admits no guests, and
   * `bad_message` for a name that could be the id of a guest of the gateway: 22 characters of `[A-Za-z0-9_-]`.
   */
  mintGuest(name: string): IssuedGuest;
  stats(): GatewayStats;
  /**
   * Returns the metrics as text for a scraper, OpenMetrics if `accept` (the scraper's header) prefers that. With it, a
   * host program serves them on a path of its own. Rejects with `not_supported` where the gateway keeps none.
   */
  metrics(accept?: string): Promise<Exposition>;
  /** Returns the address of the port for scrapers; undefined without one, and before {@link Gateway.listen}. */
  metricsAddress(): AddressInfo | undefined;
  /**
   * Closes the gateway: announces the shutdown, accepts no new connections, waits up to `drainMs` milliseconds
   * (default 0) for clients to disconnect, closes the remaining connections and frees everything. A repeated
   * call waits for the same shutdown.
   */
  close(options?: {
    readonly drainMs?: number;
    /**
     * True to stop listening at once, for a port that other processes serve too. Otherwise the gateway listens
     * during the drain and answers that it is shutting down; default false.
     */
    readonly leavesPort?: boolean;
  }): Promise<void>;
}

const sseMaxLifetimeMs = 300_000;
const sourceCloseMs = 3_000;

/**
 * Principal that the host program acts as. Its name identifies the host program in commands and dedupe keys.
 */
const embedded: ServicePrincipal = { kind: "service", name: "embedded" };

/**
 * Creates a gateway. It serves nothing until {@link Gateway.attach} or {@link Gateway.listen} is called.
 *
 * Throws a TypeError that names the missing option, or `bad_message` that names the invalid rule, method or
 * part of the contract. With a contract, the gateway has the contract's types, and every door refuses data that
 * breaks the contract.
 */
export function createGateway<C extends AnyFormOfContract = AnyContract>(
  options: OptionsOf<C>,
): Gateway<ContractOf<C>> {
  // The implementation treats channels and methods as plain names and unknown data; only callers see the
  // contract's types.
  return gatewayOf(options as unknown as GatewayOptions) as unknown as Gateway<ContractOf<C>>;
}

/** Returns the guests of a deployment; undefined where it admits none. */
function guestsOf(
  { guests = false, auth }: GatewayOptions,
  claim: GuestParts["claim"],
): Guests | undefined {
  if (guests === false) return undefined;
  return new Guests(guests === true ? {} : guests, {
    clock: systemClock,
    random: systemRandom,
    claim,
    ...(auth.tokenSecret === undefined ? {} : { tokenSecret: auth.tokenSecret }),
  });
}

/** Returns the metrics of a gateway that keeps them itself. */
function metricsOf({ meter, metrics = meter === undefined }: GatewayOptions) {
  if (metrics === false || meter !== undefined) return undefined;
  return new GatewayMetrics(metrics === true ? undefined : metrics.siblings);
}

/** Creates a gateway with the doors that `factories` create. */
export function gatewayOf(
  options: GatewayOptions,
  factories: readonly DoorFactory[] = doorFactories,
): Gateway {
  const log = new CollapsingLog(options.log ?? createLog({ level: "warn" }), systemClock);
  const guests = guestsOf(options, (id, ttlMs) => core.claimGuest(id, ttlMs));
  const metrics = metricsOf(options);
  const meter = options.meter ?? metrics?.meter;
  const verifying = createAuthenticator(options.auth, systemClock, {
    clock: systemClock,
    random: systemRandom,
    log,
    onFetched: (result) => core.admissionMetrics.keySetFetches[result].add(1),
  });
  const auth = withGuests(verifying, guests);
  const origins = originPolicy(options, log);
  const backends = new Backends(options.backends ?? {}, {
    clock: systemClock,
    random: systemRandom,
    log,
  });
  const { sessions } = options;
  const callback =
    sessions?.callback === undefined
      ? undefined
      : new SessionCallback(sessions.callback, { clock: systemClock, random: systemRandom, log });
  const reporter = new ProcessReporter();
  const core = createCore({
    processReport: () => reporter.read(),
    engine: options.engine ?? memoryEngine(),
    clock: systemClock,
    random: systemRandom,
    node: options.node ?? `node-${systemRandom.id(8)}`,
    rules: options.rules ?? [],
    queues: options.queues ?? [],
    ...(options.compactors === undefined ? {} : { compactors: options.compactors }),
    ...(options.autoSubscribe === undefined ? {} : { autoSubscribe: options.autoSubscribe }),
    ...(options.contract === undefined ? {} : { contract: options.contract }),
    jsonSchema: compileJsonSchema,
    methods: backends.besides(options.methods ?? {}),
    limits: options.limits ?? {},
    verifyToken: auth.verifyToken,
    log,
    ...(sessions === undefined
      ? {}
      : {
          sessions: {
            credentials: sessions.credentials ?? false,
            digest: (secret: string) => createHash("sha256").update(secret).digest("base64url"),
            ...(callback === undefined ? {} : { validate: callback.validate }),
          },
        }),
    ...(meter === undefined ? {} : { meter }),
    ...(options.tracer === undefined ? {} : { tracer: options.tracer }),
    ...(options.reach === undefined
      ? {}
      : {
          reach: new TargetSender(options.reach, { clock: systemClock, random: systemRandom }),
        }),
  });
  metrics?.refreshWith(() => core.refreshMetrics());
  const sources = options.sources ?? [];
  for (const source of sources) source.start((name, entry) => core.sources.take(name, entry));
  const closing = new AbortController();
  const role = options.role ?? "all";
  const now = () => systemClock.now();
  const tokenInQuery = options.auth.tokenInQuery ?? true;
  const addresses = new ClientAddresses(
    {
      trustedProxies: options.trustedProxies ?? [],
      ...(options.forwardedHeader !== undefined && { forwardedHeader: options.forwardedHeader }),
    },
    log,
  );
  const sockets = new ClientSockets({
    addresses,
    limits: core.limits,
    metrics: core.admissionMetrics,
    refusals: core.refusals,
    clock: systemClock,
  });
  const unread = new UnreadAnswers({
    clock: systemClock,
    limits: core.limits,
    metrics: core.admissionMetrics,
  });
  const doorParts = {
    identify: auth.identify,
    sockets,
    guests,
    core,
    clock: systemClock,
    random: systemRandom,
    log,
    origins,
    tokenInQuery,
    compression: options.compression ?? false,
    sseMaxLifetimeMs: options.sseMaxLifetimeMs ?? sseMaxLifetimeMs,
  };
  const doors = new DoorSet(
    factories.map((door) => door(doorParts)),
    servesReaders(role),
  );
  const httpParts = {
    core,
    auth,
    origins,
    log,
    backends,
    metrics,
    now,
    closing: closing.signal,
    role,
    doors,
    sockets,
    unread,
    guests,
    tokenInQuery,
  };
  const pages = new ConsolePages(origins);
  const { console: isConsoleOn } = options;
  pages.isOn = isConsoleOn === true && servesBackends(role);
  const handlers: HttpHandlers = {
    request: createHttpListener(
      createHttpApp(httpParts),
      [new StraightPath(httpParts), pages],
      unread,
    ),
    upgrades: doors,
    pages,
  };
  const attached = new Set<Detach>();
  let server: GatewayServer | undefined;
  let scraped: MetricsServer | undefined;
  let scrapedAt: AddressInfo | undefined;
  let ended: Promise<void> | undefined;

  async function end(drainMs: number, leavesPort: boolean): Promise<void> {
    closing.abort();
    if (leavesPort) server?.leavePort();
    doors.refuse();
    const settled = Promise.allSettled(sources.map((source) => source.close()));
    // A request that came later would be refused, while another node could have taken it.
    await core.shutdown(drainMs, async () => server?.leavePort());
    // After the core has shut down, no source can have an entry published. A source that hangs while closing
    // must not block the shutdown.
    await within(sourceCloseMs, settled);
    backends.close();
    callback?.close();
    for (const detach of attached) detach();
    await Promise.all([doors.close(), server?.close(), scraped?.close()]);
    metrics?.close();
    reporter.close();
    log.flush();
  }

  async function openMetricsPort(): Promise<void> {
    const { port, host = "127.0.0.1" } = typeof options.metrics === "object" ? options.metrics : {};
    if (metrics === undefined || port === undefined) return;
    metrics.start();
    scraped = new MetricsServer(metrics, log);
    scrapedAt = await scraped.listen(port, host);
  }

  const gateway: Gateway = {
    operations: operationsOf(core, embedded),
    studio: studioOf(
      { core, origins, random: systemRandom, log, attach: (server) => gateway.attach(server) },
      embedded,
    ),
    node: core.node,
    attach(host) {
      const detach = mount(host, handlers);
      attached.add(detach);
      return detach;
    },
    async listen({ port = 8787, host = "127.0.0.1" } = {}) {
      if (server !== undefined)
        throw new TypeError("this gateway is already listening; call listen only once");
      server = new GatewayServer(handlers, {
        timeouts: options.timeouts ?? {},
        sockets,
        proxyProtocol: options.proxyProtocol ?? false,
        ...(options.tls === undefined ? {} : { tls: options.tls }),
        clock: systemClock,
        log,
      });
      try {
        const address = await server.listen(port, host);
        // Whoever reaches a loopback address is on this machine.
        if (isConsoleOn === undefined) pages.isOn = isLoopback(host) && servesBackends(role);
        await openMetricsPort();
        return address;
      } catch (error) {
        await server.close();
        server = undefined;
        throw error;
      }
    },
    address: () => server?.address,
    publish: (channel, event, data, publishOptions = {}) =>
      core.channels.publish(embedded, channel, event, data, publishOptions),
    end: (channel, reason) => core.channels.end(embedded, channel, reason),
    mintToken: (content) => auth.mintToken(content),
    mintGuest(name) {
      if (guests !== undefined) return guests.issueNamed(name);
      throw new MilepostError("not_supported", "this gateway admits no guests; set guests to true");
    },
    stats: () => ({
      ...core.stats(),
      backends: [...backends.stats, ...(callback === undefined ? [] : [callback.stats])],
    }),
    metrics(accept) {
      if (metrics !== undefined) return metrics.expose(accept);
      const error = new MilepostError("not_supported", "this gateway does not keep its metrics");
      return Promise.reject(error);
    },
    metricsAddress: () => scrapedAt,
    close({ drainMs = 0, leavesPort = false } = {}) {
      ended ??= end(drainMs, leavesPort);
      return ended;
    },
    [Symbol.asyncDispose]: () => gateway.close(),
  };
  return gateway;
}
