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
import type { AnyContract, AnyFormOfContract, Contract, ContractOf } from "@milepost/protocol";
import { createAuthenticator } from "./auth/authenticator.ts";
import type { TokenContent } from "./auth/tokens.ts";
import type { BackendStats } from "./backends/backend.ts";
import { Backends } from "./backends/backends.ts";
import { servesReaders } from "./config/role.ts";
import type { OptionsOf } from "./contract.ts";
import type { GatewayOptions } from "./gateway-options.ts";
import { createHttpApp } from "./http/app.ts";
import { GatewayServer } from "./http/gateway-server.ts";
import type { HttpServer } from "./http/http-server.ts";
import { createHttpListener } from "./http/listener.ts";
import { type Detach, type HttpHandlers, mount } from "./http/mount.ts";
import { originPolicy } from "./http/origin-policy.ts";
import { type GatewayOperations, operationsOf } from "./operations.ts";
import { createLog } from "./runtime/log.ts";
import { systemClock } from "./runtime/system-clock.ts";
import { systemRandom } from "./runtime/system-random.ts";
import type { DoorFactory } from "./transports/door.ts";
import { DoorSet } from "./transports/door-set.ts";
import { doors as doorFactories } from "./transports/doors.ts";

/** Counts for health and metrics. */
export interface GatewayStats extends CoreStats {
  readonly backends: readonly BackendStats[];
}

/** Where to listen. */
export interface ListenOptions {
  /** 8787 when absent; 0 takes a free one. */
  readonly port?: number;
  /** `127.0.0.1` when absent: nothing is reachable from outside before somebody says so. */
  readonly host?: string;
}

/** A gateway in this process; what it publishes is what its contract says. */
export interface Gateway<C extends Contract = AnyContract> extends AsyncDisposable {
  readonly operations: GatewayOperations;
  /** The node's name, as in welcomes and lists of connections. */
  readonly node: string;
  /**
   * Makes the gateway part of a server of yours. It claims requests to `/v1/…`, `/ws/…`, `/healthz`,
   * `/readyz` and `/openapi.json` and upgrades of `/ws` and below; everything else stays with your listeners.
   */
  attach(server: HttpServer): Detach;
  /** Listens with a server of its own; rejects with a readable error when the port is taken. */
  listen(options?: ListenOptions): Promise<AddressInfo>;
  /** Where its own server listens; undefined before {@link Gateway.listen}. */
  address(): AddressInfo | undefined;
  /** Publishes as a service; resolves once it is in the log. Repeating a key creates nothing. */
  publish<Name extends ChannelName<C>, Event extends keyof EventsOf<C, Name> & string>(
    channel: Name,
    event: Event,
    data: EventsOf<C, Name>[Event],
    options?: PublishOptions,
  ): Promise<Published>;
  /** Completes a channel's stream as a service: nothing can be published to it any more. */
  end(channel: string, reason?: string): Promise<Ended>;
  /** Makes a user token, which holds an hour unless told otherwise. */
  mintToken(content: TokenContent): Promise<string>;
  stats(): GatewayStats;
  /**
   * Announces the end, takes nothing new, waits `drainMs` (0 when absent) for clients to leave, closes the
   * rest and frees everything. Calling it again waits for the same end.
   */
  close(options?: {
    readonly drainMs?: number;
    /** Whether the port is given up at once, where other processes serve it too; else it answers that the node goes away. */
    readonly leavesPort?: boolean;
  }): Promise<void>;
}

/** Resolves with the promise, or after so many milliseconds. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let cancel: () => void = () => {};
  const late = new Promise<void>((resolve) => {
    cancel = systemClock.after(ms, resolve);
  });
  await Promise.race([promise, late]);
  cancel();
}

const sseMaxLifetimeMs = 300_000;
const sourceCloseMs = 3_000;

/** The name of the host program in commands and dedupe. */
const embedded: ServicePrincipal = { kind: "service", name: "embedded" };

/**
 * Makes a gateway; it serves nothing until it is attached or listens. A TypeError says what the options lack,
 * `bad_message` which rule, method or part of the contract cannot be.
 *
 * With a contract its types are the contract's, and what breaks it is refused at every door.
 */
export function createGateway<C extends AnyFormOfContract = AnyContract>(
  options: OptionsOf<C>,
): Gateway<ContractOf<C>> {
  // Inside, channels and methods are names and unknown data; their types are the caller's contract.
  return gatewayOf(options as unknown as GatewayOptions) as unknown as Gateway<ContractOf<C>>;
}

/** Makes a gateway with the doors that `factories` make. */
export function gatewayOf(
  options: GatewayOptions,
  factories: readonly DoorFactory[] = doorFactories,
): Gateway {
  const log = options.log ?? createLog({ level: "warn" });
  const auth = createAuthenticator(options.auth, systemClock);
  const origins = originPolicy(options.allowedOrigins ?? []);
  const backends = new Backends(options.backends ?? {}, {
    clock: systemClock,
    random: systemRandom,
    log,
  });
  const core = createCore({
    engine: options.engine ?? memoryEngine(),
    clock: systemClock,
    random: systemRandom,
    node: options.node ?? `node-${systemRandom.id(8)}`,
    rules: options.rules ?? [],
    ...(options.contract === undefined ? {} : { contract: options.contract }),
    methods: backends.besides(options.methods ?? {}),
    limits: options.limits ?? {},
    verifyToken: auth.verifyToken,
    log,
    ...(options.meter === undefined ? {} : { meter: options.meter }),
  });
  const sources = options.sources ?? [];
  for (const source of sources) source.start((name, entry) => core.sources.take(name, entry));
  const closing = new AbortController();
  const role = options.role ?? "all";
  const now = () => systemClock.now();
  const tokenInQuery = options.auth.tokenInQuery ?? true;
  const doorParts = {
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
  const handlers: HttpHandlers = {
    request: createHttpListener(
      createHttpApp({
        core,
        auth,
        origins,
        log,
        backends,
        now,
        closing: closing.signal,
        role,
        doors,
        tokenInQuery,
      }),
    ),
    upgrades: doors,
  };
  const attached = new Set<Detach>();
  let server: GatewayServer | undefined;
  let ended: Promise<void> | undefined;

  async function end(drainMs: number, leavesPort: boolean): Promise<void> {
    closing.abort();
    if (leavesPort) server?.leavePort();
    doors.refuse();
    const settled = Promise.allSettled(sources.map((source) => source.close()));
    await core.shutdown(drainMs);
    // Without a core nothing can be settled any more; what a store that hangs still owes is not waited for.
    await within(sourceCloseMs, settled);
    backends.close();
    for (const detach of attached) detach();
    await Promise.all([doors.close(), server?.close()]);
  }

  const gateway: Gateway = {
    operations: operationsOf(core.operations, embedded),
    node: core.node,
    attach(host) {
      const detach = mount(host, handlers);
      attached.add(detach);
      return detach;
    },
    async listen({ port = 8787, host = "127.0.0.1" } = {}) {
      if (server !== undefined) throw new TypeError("this gateway listens already");
      server = new GatewayServer(handlers, options.timeouts ?? {});
      try {
        return await server.listen(port, host);
      } catch (error) {
        server = undefined;
        throw error;
      }
    },
    address: () => server?.address,
    publish: (channel, event, data, publishOptions = {}) =>
      core.channels.publish(embedded, channel, event, data, publishOptions),
    end: (channel, reason) => core.channels.end(embedded, channel, reason),
    mintToken: (content) => auth.mintToken(content),
    stats: () => ({ ...core.stats(), backends: backends.stats }),
    close({ drainMs = 0, leavesPort = false } = {}) {
      ended ??= end(drainMs, leavesPort);
      return ended;
    },
    [Symbol.asyncDispose]: () => gateway.close(),
  };
  return gateway;
}
