import type { SourceEntry } from "@milepost/engine";
import { isChannelSegment, type Since } from "@milepost/protocol";
import { Channels } from "../channels/channels.ts";
import { ConnectionAdmin } from "../cluster/connection-admin.ts";
import { ConnectionRegistration } from "../cluster/connection-registration.ts";
import { MaintenanceLoop } from "../cluster/maintenance-loop.ts";
import { RevocationCache } from "../cluster/revocation-cache.ts";
import type { ConnectOptions } from "../connection/connect-options.ts";
import { Connection } from "../connection/connection.ts";
import { ConnectionRegistry } from "../connection/connection-registry.ts";
import { forwardUpstream, handleUpstream } from "../connection/upstream.ts";
import { DeadLetterService } from "../dead-letters/dead-letter-service.ts";
import { FeedConnection } from "../feed/feed-connection.ts";
import { Feeds } from "../feed/feeds.ts";
import { Hub } from "../hub/hub.ts";
import { OperationService } from "../operations/operation-service.ts";
import { Presences } from "../presence/presences.ts";
import { MethodRegistry } from "../requests/method-registry.ts";
import { contractedMethods } from "../rules/contract/method-contract.ts";
import { OperationContract } from "../rules/contract/operation-contract.ts";
import type { Principal, UserPrincipal } from "../rules/principal.ts";
import { RuleBook } from "../rules/rule-book.ts";
import { ErrorLog } from "../runtime/error-log.ts";
import { defaultLimits } from "../runtime/limits.ts";
import type { CoreLimits } from "../runtime/options.ts";
import { TimerWheel } from "../runtime/timer-wheel.ts";
import { Ticker } from "../send-queue/ticker.ts";
import type { Transport, TransportEvents } from "../send-queue/transport.ts";
import { SourceIntake } from "../sources/source-intake.ts";
import { Outage } from "../store/outage.ts";
import { isReadOnly } from "../store/outage-log.ts";
import { SharedLog } from "../store/shared-log.ts";
import { throughOutages } from "../store/through-outages.ts";
import type { Core, CoreOptions, CoreStats } from "./core.ts";
import type { NodeContext } from "./node-context.ts";
import { Shutdown } from "./shutdown.ts";

const holderLength = 12;

/**
 * Makes the gateway of one node from an engine, a clock and randomness; it does nothing until it is asked.
 *
 * Throws `bad_message` that names the rule or method when one cannot be.
 */
export function createCore(options: CoreOptions): Core {
  return new GatewayCore(options);
}

class GatewayCore implements Core {
  readonly #context: NodeContext;
  readonly #operations: OperationService;
  readonly #deadLetters: DeadLetterService;
  readonly #intake: SourceIntake;
  readonly #feeds: Feeds;
  readonly #connectionAdmin: ConnectionAdmin;
  readonly #shutdown: Shutdown;

  constructor(options: CoreOptions) {
    const { clock, random, node, log, verifyToken } = options;
    const limits: CoreLimits = { ...defaultLimits, ...options.limits };
    const rules = new RuleBook(options.rules ?? [], options.contract?.channels);
    const methods = new MethodRegistry(
      contractedMethods(options.methods ?? {}, options.contract?.methods),
    );
    const store = options.engine({ clock, random });
    const errorLog = new ErrorLog(log, store.store);
    const wheel = new TimerWheel(clock, errorLog.report);
    const connections = new ConnectionRegistry();
    const outage = new Outage({
      store: store.store,
      clock,
      wheel,
      announce: (code) => {
        for (const connection of connections.all) connection.announceStore(code);
      },
    });
    const engine = throughOutages(store, outage, {
      clock,
      random,
      wheel,
      onError: errorLog.report,
    });
    const sharedLog = new SharedLog(engine.log);
    const ticker = new Ticker(clock, errorLog.report);
    const { maxReplayEntries } = limits;
    const pause = (ms: number) => wheel.pause(ms);
    const hub = new Hub(engine.bus, wheel, {
      log: sharedLog,
      ticker,
      maxReplayEntries,
      pause,
      isCut: () => outage.isOn,
      onError: errorLog.report,
    });
    const operations = new OperationService({
      engine,
      contract: new OperationContract(options.contract?.operations),
      rules,
      hub,
      clock,
      wheel,
      random,
      limits,
      errorLog,
    });
    this.#operations = operations;
    const presences = new Presences({
      port: engine.presence,
      holder: `${node}.${random.id(holderLength)}`,
      clock,
      wheel,
      windowMs: limits.presenceWindowMs,
      graceMs: limits.presenceGraceMs,
      ttlMs: limits.presenceTtlMs,
      typingMs: limits.typingMs,
      onError: errorLog.report,
    });
    const { registry, revocations } = engine;
    const onError = errorLog.report;
    const registration = new ConnectionRegistration({
      node,
      registry,
      connections,
      clock,
      random,
      onError,
    });
    store.store?.onChange(({ connected }) => {
      if (connected) registration.doubt();
    });
    this.#context = {
      node,
      engine,
      clock,
      random,
      limits,
      log,
      errorLog,
      wheel,
      ticker,
      hub,
      channels: new Channels({ log: sharedLog, rules, hub, clock, random, limits, wheel }),
      methods,
      operations,
      presences,
      durable: { engine, rules, hub, clock, wheel, random, onError: errorLog.report },
      connections,
      outage,
      registration,
      revocations: new RevocationCache(revocations, clock),
      verifyToken: async (token) => this.#connectionAdmin.admitUser(await verifyToken(token)),
    };
    const { channels } = this.#context;
    this.#deadLetters = new DeadLetterService(engine, rules, clock, errorLog, channels);
    const { deadLetters } = engine;
    this.#intake = new SourceIntake({ channels, deadLetters, clock, errorLog, log });
    this.#feeds = new Feeds(this.#context);
    const connectionAdmin = new ConnectionAdmin(this.#context);
    this.#connectionAdmin = connectionAdmin;
    void connectionAdmin.listen().catch(errorLog.report);
    const renew = async () => {
      const at = clock.monotonic();
      await registration.refresh();
      outage.renew(at);
    };
    const work = {
      heartbeat: [
        () => connectionAdmin.listen(),
        () => renew(),
        () => connectionAdmin.refreshRevocations(),
      ],
      sweep: [() => registry.sweep(), () => operations.adopt()],
    };
    const maintenance = new MaintenanceLoop(wheel, engine.leases, work, errorLog.report);
    this.#shutdown = new Shutdown(this.#context, operations, maintenance);
    if (engine.isShared === true) maintenance.onDue();
  }

  get node() {
    return this.#context.node;
  }

  get limits() {
    return this.#context.limits;
  }

  get operations() {
    return this.#operations;
  }

  get deadLetters() {
    return this.#deadLetters;
  }

  get connections() {
    return this.#connectionAdmin;
  }

  admit(principal: Principal) {
    return this.#connectionAdmin.admit(principal);
  }

  get verifyToken() {
    return this.#context.verifyToken;
  }

  async publish(
    principal: Principal,
    channel: string,
    event: string,
    data: unknown,
    options?: { readonly key?: string },
  ) {
    this.#shutdown.refuseWhenEnded();
    return this.#context.channels.publish(principal, channel, event, data, options);
  }

  async end(principal: Principal, channel: string, reason?: string) {
    this.#shutdown.refuseWhenEnded();
    return this.#context.channels.end(principal, channel, reason);
  }

  async history(
    principal: Principal,
    channel: string,
    options?: { readonly since?: Since; readonly limit?: number },
  ) {
    this.#shutdown.refuseWhenEnded();
    return this.#context.channels.history(principal, channel, options);
  }

  async snapshot(principal: Principal, channel: string) {
    this.#shutdown.refuseWhenEnded();
    return this.#context.channels.snapshot(principal, channel);
  }

  async presence(principal: Principal, channel: string) {
    this.#shutdown.refuseWhenEnded();
    const { channels, presences } = this.#context;
    const resolved = channels.resolve(channel);
    await channels.authorise(principal, resolved, "subscribe");
    return { channel, ...(await presences.list(resolved)) };
  }

  async purge(principal: Principal, channel: string) {
    this.#shutdown.refuseWhenEnded();
    await this.#context.channels.purge(principal, channel);
    const operationId = /^operation:([^:]+)$/.exec(channel)?.[1];
    if (operationId !== undefined) await this.#operations.forget(operationId);
  }

  async notify(...[principal, userId, notification]: Parameters<Core["notify"]>) {
    this.#shutdown.refuseWhenEnded();
    return this.#context.channels.notify(principal, userId, notification);
  }

  async take(source: string, entry: SourceEntry) {
    this.#shutdown.refuseWhenEnded();
    // What a source acknowledges must be stored, also where the channel would go on without.
    if (this.#context.outage.isOn) throw isReadOnly();
    return this.#intake.take(source, entry);
  }

  connect(transport: Transport, options: ConnectOptions): TransportEvents {
    return this.#refused(transport) ?? new Connection(transport, options, this.#context);
  }

  async handleUpstream(principal: UserPrincipal, connectionId: string, frame: string) {
    this.#shutdown.refuseWhenEnded();
    return handleUpstream(principal, connectionId, frame, this.#context);
  }

  forwardUpstream(principal: UserPrincipal, connectionId: string, frame: string): void {
    forwardUpstream(principal, connectionId, frame, this.#context);
  }

  connectFeed(
    transport: Transport,
    session: string,
    principal: UserPrincipal | undefined,
  ): TransportEvents {
    const own = principal?.session !== undefined && principal.session === session;
    if (!own || !isChannelSegment(session)) {
      transport.close(1008, "Invalid session");
      return refusedEvents;
    }
    const turnedAway = this.#refused(transport);
    if (turnedAway !== undefined) return turnedAway;
    const feed = this.#feeds.of(session);
    return new FeedConnection(transport, feed, principal, this.#context);
  }

  stats(): CoreStats {
    const { connections, hub, engine, registration } = this.#context;
    const store = engine.store?.health;
    const outageMs = this.#context.outage.lastsMs;
    let dead = 0;
    let subscriptions = 0;
    const consumers = { browser_sdk: 0, server_sdk: 0, websocket: 0, sse: 0, poll: 0 };
    for (const connection of connections.all) {
      consumers[connection.consumer]++;
      if (connection.isSilent) dead++;
      subscriptions += connection.subscriptionCount;
    }
    return {
      status: this.#shutdown.hasBegun
        ? "shutting_down"
        : outageMs !== undefined
          ? "degraded"
          : "ok",
      connections: connections.size,
      totalConnections: registration.total,
      dead,
      consumers,
      subscriptions,
      channels: hub.channelCount,
      ...(store === undefined ? {} : { store }),
      ...(outageMs === undefined ? {} : { outageMs }),
      spooled: this.#context.channels.spooled,
    };
  }

  shutdown(drainMs: number): Promise<void> {
    return this.#shutdown.run(drainMs);
  }

  /** Closes a transport that may not attach now. */
  #refused(transport: Transport): TransportEvents | undefined {
    const { connections, limits } = this.#context;
    if (this.#shutdown.hasBegun) transport.close(4000, "the node goes away");
    else if (connections.size >= limits.maxConnections) {
      transport.close(1013, "too many connections");
    } else return undefined;
    return refusedEvents;
  }
}

function nothing(): void {}

/** For a transport that was closed at once: what it still says concerns nobody. */
const refusedEvents: TransportEvents = {
  onText: nothing,
  onValues: nothing,
  onUnsupportedFrame: nothing,
  onAlive: nothing,
  onDrain: nothing,
  onClose: nothing,
};
