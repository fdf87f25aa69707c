import { encodeId } from "@milepost/protocol";
import type { ConnectOptions } from "../connection/connect-options.ts";
import { Connection } from "../connection/connection.ts";
import { forwardUpstream, handleUpstream } from "../connection/upstream.ts";
import { FeedConnection } from "../feed/feed-connection.ts";
import { Feeds } from "../feed/feeds.ts";
import { type Principal, personOf } from "../rules/principal.ts";
import type { Transport, TransportEvents } from "../send-queue/transport.ts";
import { SourceIntake } from "../sources/source-intake.ts";
import { awaitsStoreReason } from "../store/outage.ts";
import { isReadOnly } from "../store/outage-log.ts";
import { assembleNode } from "./assemble-node.ts";
import type { Core, CoreOptions } from "./core.ts";
import { connectedPeople, coreStats } from "./core-stats.ts";
import { NodeGauges } from "./node-gauges.ts";
import { Shutdown } from "./shutdown.ts";

/**
 * Makes the gateway of one node from an engine, a clock and randomness. It does no work before its first call, except
 * that a node with a shared engine registers itself.
 *
 * Throws `bad_message` that names a rule or method that is invalid.
 */
export function createCore(options: CoreOptions): Core {
  const { context, connectionAdmin, admission, sessions, tickets, deadLetters, maintenance } =
    assembleNode(options);
  const { reaching, deliveries } = context;
  const { channels, operations, outage, engine, clock, errorLog, log, limits, slots } = context;
  const feeds = new Feeds(context);
  const shutdown = new Shutdown(context, maintenance);
  const gauges = new NodeGauges(context, () => shutdown.hasBegun || connectionAdmin.isDraining);
  const sources = new SourceIntake({
    channels,
    deadLetters: engine.deadLetters,
    clock,
    errorLog,
    log,
    refuse: () => {
      shutdown.refuseWhenEnded();
      // The source never delivers an acknowledged entry again. So the entry must be stored even where the
      // channel would continue locally.
      if (outage.isOn) throw isReadOnly();
    },
  });

  function dropSlot({ principal, reservedId }: Reserved): void {
    if (principal !== undefined && reservedId !== undefined) slots.cancel(principal, reservedId);
  }

  /**
   * Closes a transport that must be refused, and returns events that do nothing. Returns undefined for a
   * transport that may attach.
   */
  function refused(transport: Transport, request: Reserved): TransportEvents | undefined {
    if (!shutdown.hasBegun && !outage.awaitsStore) return undefined;
    dropSlot(request);
    if (shutdown.hasBegun) transport.close(4000, "the node is shutting down");
    else transport.close(1013, awaitsStoreReason);
    return refusedEvents;
  }

  void connectionAdmin.listen().catch(errorLog.report);
  // A node takes over what dead nodes left behind, and what its own process left behind before a restart.
  if (engine.isShared === true || engine.isDurable === true) maintenance.onDue();
  deliveries?.onDue();

  return {
    node: context.node,
    isTracing: options.tracer !== undefined,
    get isShuttingDown() {
      return shutdown.hasBegun;
    },
    limits,
    admissionMetrics: context.instruments,
    refreshMetrics: () => gauges.refresh(),
    refusals: context.refusals,
    channels,
    presence: context.presence,
    operations,
    queues: context.queues,
    inbox: context.inbox,
    digests: context.digests,
    estimates: context.estimates,
    questions: context.questions,
    deadLetters,
    connections: connectionAdmin,
    admission,
    slots,
    signatures: context.signatures,
    sessions,
    tickets,
    reaching,
    insight: context.insight,
    openSession: (credential) => admission.openSession(credential),
    sources,
    connect: (transport: Transport, request: ConnectOptions) =>
      refused(transport, request) ?? new Connection(transport, request, context),
    connectFeed(transport, session, principal, reservedId) {
      const own = personOf(principal).session;
      // A path may hold the session's id or its encoded form. The feed is that of the credential in either case.
      if (
        principal?.kind !== "user" ||
        own === undefined ||
        (own !== session && encodeId(own) !== session)
      ) {
        dropSlot({ principal, reservedId });
        transport.close(1008, "Invalid session");
        return refusedEvents;
      }
      const ended = refused(transport, { principal, reservedId });
      if (ended !== undefined) return ended;
      const full = reservedId === undefined ? slots.take(principal, undefined) : undefined;
      if (full !== undefined) {
        if (full.close === 4409) transport.close(1008, "Too many connections");
        else transport.close(full.close, full.reason);
        return refusedEvents;
      }
      return new FeedConnection(transport, feeds.of(own), principal, context, reservedId);
    },
    async handleUpstream(principal, connectionId, frame) {
      shutdown.refuseWhenEnded();
      return handleUpstream(principal, connectionId, frame, context);
    },
    async forwardUpstream(principal, connectionId, frame) {
      shutdown.refuseWhenEnded();
      await forwardUpstream(principal, connectionId, frame, context);
    },
    charge(principal, messages, bytes) {
      context.traffic.charge(principal, { messages, bytes, control: 0 });
    },
    chargeAnswer(principal, bytes) {
      if (principal.kind === "user") context.traffic.add(undefined, principal, bytes);
    },
    refuseUnjoined: () => outage.refuseUnjoined(),
    isVisible: (user) => context.visibility.isVisible(user),
    stats: () => coreStats(context, shutdown.hasBegun || connectionAdmin.isDraining),
    connectedPeople: () => connectedPeople(context),
    claimGuest: (id, ttlMs) => context.engine.singleUse.claim("guest", id, ttlMs),
    shutdown: (drainMs, onDrained) => shutdown.run(drainMs, onDrained),
  };
}

/** Slot that may have been reserved for a new connection. */
interface Reserved {
  readonly principal?: Principal | undefined;
  readonly reservedId?: string | undefined;
}

function nothing(): void {}

/** Events of a transport that was refused: what it still sends is ignored. */
const refusedEvents: TransportEvents = {
  onText: nothing,
  onBinary: nothing,
  onUnsupportedFrame: nothing,
  onAlive: nothing,
  onControl: () => false,
  onDrain: nothing,
  onClose: nothing,
};
