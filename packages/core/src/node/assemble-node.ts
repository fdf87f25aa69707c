import { StoreAvailability } from "@milepost/engine";
import { Channels } from "../channels/channels.ts";
import { Admission } from "../cluster/admission.ts";
import { ConnectionAdmin } from "../cluster/connection-admin.ts";
import { ConnectionRegistration } from "../cluster/connection-registration.ts";
import { MaintenanceLoop } from "../cluster/maintenance-loop.ts";
import type { NodeSignal } from "../cluster/node-signal.ts";
import { PageVisibility } from "../cluster/page-visibility.ts";
import { RevocationCache } from "../cluster/revocation-cache.ts";
import { Compactions } from "../compaction/compactions.ts";
import { ConnectionRegistry } from "../connection/connection-registry.ts";
import { PersonalChannels } from "../connection/personal-channels.ts";
import { AssuredPublisher } from "../dead-letters/assured-publisher.ts";
import { countedDeadLetters } from "../dead-letters/counted-dead-letters.ts";
import { DeadLetterService } from "../dead-letters/dead-letter-service.ts";
import { DigestService } from "../digest/digest-service.ts";
import { EstimateReports } from "../estimates/estimate-report.ts";
import { DeliverySpans } from "../hub/delivery-spans.ts";
import { Hub } from "../hub/hub.ts";
import { inboxOf } from "../inbox/inbox-item.ts";
import { InboxService } from "../inbox/inbox-service.ts";
import { JsonSchemas } from "../input/json-schemas.ts";
import { InsightService } from "../insight/insight-service.ts";
import { RecentLimits } from "../insight/recent-limits.ts";
import { LatencyReports } from "../latency/latency-reports.ts";
import { probeConnections } from "../limits/connection-probe.ts";
import { ConnectionSlots } from "../limits/connection-slots.ts";
import { RefusalCounts } from "../limits/refusal-counts.ts";
import { Traffic } from "../limits/traffic.ts";
import { OperationLog } from "../operations/operation-log.ts";
import { OperationService } from "../operations/operation-service.ts";
import { OwnershipWatch } from "../operations/ownership-watch.ts";
import { PresenceService } from "../presence/presence-service.ts";
import { Presences } from "../presence/presences.ts";
import { inboxBoard } from "../questions/inbox-board.ts";
import { rolesClaim } from "../questions/question-access.ts";
import { QuestionKeeper } from "../questions/question-keeper.ts";
import { Questioning } from "../questions/question-service.ts";
import { QueueBook } from "../queues/queue-book.ts";
import { QueueService } from "../queues/queue-service.ts";
import { DeliveryLoop } from "../reach/delivery-loop.ts";
import { ErrandRunner } from "../reach/errand-runner.ts";
import { Reach } from "../reach/reach.ts";
import type { ReachSender } from "../reach/reach-sender.ts";
import { ReachService } from "../reach/reach-service.ts";
import { MethodRegistry } from "../requests/method-registry.ts";
import { contractedMethods } from "../rules/contract/method-contract.ts";
import { OperationContract } from "../rules/contract/operation-contract.ts";
import { personOf } from "../rules/principal.ts";
import { RuleBook } from "../rules/rule-book.ts";
import { createInstruments } from "../runtime/create-instruments.ts";
import { ErrorLog } from "../runtime/error-log.ts";
import { coreInstruments } from "../runtime/instruments.ts";
import { resolveLimits } from "../runtime/limits.ts";
import { noMeter } from "../runtime/meter.ts";
import { TimerWheel } from "../runtime/timer-wheel.ts";
import { WallClockWatch } from "../runtime/wall-clock-watch.ts";
import { Ticker } from "../send-queue/ticker.ts";
import { SessionService } from "../sessions/session-service.ts";
import { Signatures } from "../signatures/signatures.ts";
import { Outage } from "../store/outage.ts";
import { SharedReads } from "../store/shared-reads.ts";
import { shownSnapshot } from "../store/shown-publishers.ts";
import { StaleReads } from "../store/stale-reads.ts";
import { throughOutages } from "../store/through-outages.ts";
import { TracedLog } from "../store/traced-log.ts";
import { TicketService } from "../tickets/ticket-service.ts";
import type { CoreOptions } from "./core.ts";
import { coreStats } from "./core-stats.ts";
import { countDataWork } from "./count-data-work.ts";
import type { NodeContext } from "./node-context.ts";

const holderLength = 12;
/** Log lines for when the memory for channels, or the file of the data, has no room, and when it has room again. */
const roomTexts = {
  memory: {
    full: "the memory for channels is full: publishes are refused with store_full; raise maxMemoryBytes, keep less by the rules, or use Redis",
    free: "the memory for channels has room again",
  },
  data: {
    full: "the data have as many bytes as they may: publishes are refused with store_full; raise dataMaxBytes, or keep less by the rules",
    free: "the data have room again",
  },
};

/** The parts of one node, wired to each other. */
export interface AssembledNode {
  readonly context: NodeContext;
  readonly deadLetters: DeadLetterService;
  readonly connectionAdmin: ConnectionAdmin;
  readonly admission: Admission;
  readonly sessions: SessionService;
  readonly tickets: TicketService;
  readonly maintenance: MaintenanceLoop;
}

/** Makes the parts of one node from its options; throws `bad_message` that names a rule or method that is invalid. */
export function assembleNode(options: CoreOptions): AssembledNode {
  const { clock, random, node, log } = options;
  const limits = resolveLimits(options.limits);
  const rules = new RuleBook(options.rules ?? [], options.contract?.channels);
  const book = new QueueBook(options.queues ?? []);
  const methods = new MethodRegistry(
    contractedMethods(options.methods ?? {}, options.contract?.methods),
  );
  const personal = new PersonalChannels(options.autoSubscribe);
  // A meter that throws must not leave an engine open.
  const instruments = createInstruments(options.meter ?? noMeter, coreInstruments, (error) =>
    errorLog.report(error),
  );
  const store = options.engine({
    clock,
    random,
    maxMemoryBytes: limits.maxMemoryBytes,
    onTrimmed: (reason, entries) => instruments.trimmedEntries[reason].add(entries),
    onCall: (script, isAnswered, ms) => {
      instruments.storeCalls.of(script)[isAnswered ? "ok" : "failed"].add(1);
      instruments.storeCallTime.observe(ms);
    },
    onDataWork: (work) => countDataWork(instruments, work),
    onFull: (isFull) => {
      const isData = store.isDurable === true;
      const { full, free } = roomTexts[isData ? "data" : "memory"];
      const fields = isData ? {} : { max_memory_bytes: limits.maxMemoryBytes };
      if (isFull) log?.warn({ event: "store.full", ...fields }, full);
      else log?.info({ event: "store.room", ...fields }, free);
    },
  });
  const availability = StoreAvailability.of(store.store, clock);
  const errorLog = new ErrorLog(log, availability);
  const onError = errorLog.report;
  const wheel = new TimerWheel(clock, onError);
  const connections = new ConnectionRegistry();
  const wallClock = new WallClockWatch({
    clock,
    wheel,
    isNeeded: () => connections.size > 0,
    onSet: () => {
      for (const connection of connections.all) connection.onClockSet();
    },
  });
  const outage = new Outage({
    availability,
    clock,
    wheel,
    isShared: store.isShared === true,
    announce: (code) => {
      if (code === "degraded") instruments.storeOutages.add(1);
      else reads.forget();
      for (const connection of connections.all) connection.announceStore(code);
    },
  });
  const reached = throughOutages(store, outage, { clock, random, wheel, onError });
  const deadLetters = countedDeadLetters(reached.deadLetters, instruments.deadLettersWritten);
  const { tracer } = options;
  const channelLog = tracer === undefined ? reached.log : new TracedLog(reached.log, tracer);
  const engine = { ...reached, log: channelLog, deadLetters };
  const deliverySpans =
    tracer &&
    new DeliverySpans({ tracer, clock, node, perSecond: limits.maxDeliverySpansPerSecond });
  const shared = new SharedReads(engine.log);
  const reads = new StaleReads({
    reads: shared,
    outage,
    recall: (channel, policy) => shownSnapshot(engine.log.recall?.(channel, policy), policy),
    held: (channel) => hub.held(channel),
  });
  /** Age of the oldest entry that was written to sockets since the last heartbeat. */
  let lagMs = 0;
  const limited = new RecentLimits(() => clock.now());
  const ticker = new Ticker(clock, onError, {
    now: () => store.now?.() ?? clock.now(),
    onWritten: (bytes) => instruments.bytesSent.add(bytes),
    onDelivered: (ageMs) => {
      instruments.publishToSocket.observe(ageMs);
      if (ageMs > lagMs) lagMs = ageMs;
      deliverySpans?.written();
    },
  });
  const hub: Hub = new Hub(engine.bus, wheel, {
    log: shared,
    starts: reads,
    ticker,
    maxReplayEntries: limits.maxReplayEntries,
    pause: (ms) => wheel.pause(ms),
    isCut: () => outage.isOn,
    settled: () => channels.settled(),
    instruments,
    deliverySpans,
    onError,
  });
  const reach = new Reach({ engine, isOn: options.reach !== undefined, onError });
  const schemas = new JsonSchemas(options.jsonSchema);
  const operations: OperationService = new OperationService({
    node,
    reach,
    tracer,
    engine,
    contract: new OperationContract(options.contract?.operations),
    schemas,
    rules,
    hub,
    clock,
    wheel,
    random,
    limits,
    errorLog,
    questions: () => questionKeeper,
    log,
    ended: (operationId, reason) => questionKeeper.withdrawAll(operationId, reason),
    instruments,
    leaveQueue: (queue, ticket) => queues.leaveForOperation(queue, ticket),
    settleQueued: (state) => queues.settleOperation(state),
  });
  const queues: QueueService = new QueueService({
    engine,
    operations,
    rules,
    book,
    node,
    clock,
    wheel,
    random,
    maxQueues: limits.maxQueues,
    instruments,
    isConnected: (person) => slots.isConnected(person),
    connected: () => [...connections.staying].map(({ principal }) => principal),
    onError,
  });
  const questionBoard = inboxBoard(() => inbox);
  const questionKeeper: QuestionKeeper = new QuestionKeeper({
    store: engine.questions,
    operations,
    assured: new AssuredPublisher({ engine, rules, clock, wheel, random, onError }),
    clock,
    wheel,
    limits,
    board: questionBoard,
    instruments,
    onError,
  });
  const questions = new Questioning({
    keeper: questionKeeper,
    operations,
    schemas,
    rules,
    hub,
    clock,
    wheel,
    random,
    board: questionBoard,
    tracer,
  });
  const presences = new Presences({
    port: engine.presence,
    holder: `${node}.${random.id(holderLength)}`,
    clock,
    wheel,
    windowMs: limits.presenceWindowMs,
    graceMs: limits.presenceGraceMs,
    ttlMs: limits.presenceTtlMs,
    typingMs: limits.typingMs,
    isCut: () => outage.isOn,
    onError,
  });
  const { registry } = engine;
  const registration = new ConnectionRegistration({
    node,
    registry,
    connections,
    clock,
    random,
    onError,
    report: () => {
      const lag = lagMs;
      lagMs = 0;
      const isDraining = connectionAdmin.isDraining;
      const { status, subscriptions, channels: open } = coreStats(context, isDraining);
      return {
        status,
        lag_ms: Math.round(lag),
        subscriptions,
        channels: open,
        ...options.processReport?.(),
      };
    },
    people: queues.watch,
  });
  availability.onChange(({ connected }) => {
    if (connected) registration.doubt();
  });
  const latency = new LatencyReports({
    clock,
    now: () => store.now?.() ?? clock.now(),
    perSecond: limits.maxLatencySamplesPerSecond,
    instruments,
  });
  const signatures = new Signatures({
    singleUse: engine.singleUse,
    clock,
    limits,
    instruments,
  });
  const compactors = options.compactors ?? {};
  Compactions.check(
    rules.rules.map(({ rule }) => rule),
    compactors,
  );
  const compactions = new Compactions({
    compactors,
    log: engine.log,
    leases: engine.leases,
    clock,
    instruments,
    onError,
  });
  const inbox = new InboxService({
    inbox: engine.inbox,
    log: engine.log,
    rules,
    clock,
    wheel,
    limits,
    errorLog,
    instruments,
  });
  const digests = new DigestService({
    inbox: engine.inbox,
    operations: engine.operations,
    reads,
    rules,
    clock,
    limits,
    instruments,
  });
  const channels = new Channels({
    log: engine.log,
    reads,
    rules,
    hub,
    clock,
    random,
    limits,
    wheel,
    signatures,
    compactions,
    instruments,
    limited,
    holdings: engine.holdings,
    outage,
    onError,
    onPurged: (channel) => operations.forgetChannel(channel),
    onNotification: (user, data, position) => inbox.notified(user, data, position),
    onInbox: (principal) => inbox.opened(principal),
    tracer,
  });
  const ownership = new OwnershipWatch({ hub, rules, wheel, limits, onError });
  const revocations = new RevocationCache(engine.revocations, clock);
  const sessions = new SessionService(
    {
      engine,
      clock,
      random,
      connections: { revoke: (principal, input) => connectionAdmin.revoke(principal, input) },
      recheck: (session) => connectionAdmin.recheckSession(session),
      instruments,
    },
    options.sessions,
  );
  // Questions may be for the holders of a role, whatever the rules use.
  const claims = new Set([...rules.claims, ...book.claims, rolesClaim]);
  const admission = new Admission(options.verifyToken, revocations, sessions, claims);
  const tickets = new TicketService({ engine, clock, random, admission });
  const refusals = new RefusalCounts(instruments.connectionsRefused, limited);
  const slots = new ConnectionSlots({
    refusals,
    limits,
    clock,
    random,
    wheel,
    connections,
    registration,
    registry,
    outage,
    isShared: engine.isShared === true,
    probe: (owner) => probeConnections({ clock, wheel, connections }, owner),
    probeElsewhere: (target) => engine.signals.send({ kind: "probe", target } satisfies NodeSignal),
    replaceElsewhere: (connection, principal) => {
      const { user, session } = personOf(principal);
      return engine.signals.send({
        kind: "replace",
        connection,
        by: node,
        ...(user !== undefined && { user }),
        ...(session !== undefined && { session }),
      } satisfies NodeSignal);
    },
    onError,
  });
  if (options.reach !== undefined) inbox.observe((news) => reach.heard(news));
  const reaching = new ReachService({ engine, clock, random, sender: options.reach });
  const deliveries = deliveryLoop(options.reach);
  const insight = new InsightService({
    node,
    hub,
    log: engine.log,
    engine,
    rules,
    clock,
    limits,
    limited,
  });
  const visibility = new PageVisibility({
    node,
    engine,
    wheel,
    connections,
    isConnected: (user) => slots.isConnected({ user }),
  });
  const context: NodeContext = {
    node,
    reaching,
    insight,
    deliveries,
    engine,
    clock,
    random,
    limits,
    log,
    errorLog,
    instruments,
    wheel,
    wallClock,
    ticker,
    hub,
    channels,
    compactions,
    personal,
    signatures,
    ownership,
    methods,
    operations,
    queues,
    estimates: new EstimateReports(engine.durations, queues),
    inbox,
    digests,
    latency,
    questions,
    questionKeeper,
    visibility,
    presences,
    presence: new PresenceService(channels, presences),
    durable: {
      engine,
      rules,
      hub,
      clock,
      wheel,
      random,
      maxNames: limits.maxDurableNames,
      onError,
    },
    connections,
    slots,
    refusals,
    traffic: new Traffic(clock, limits, instruments, limited),
    outage,
    registration,
    revocations,
    verifyToken: admission.verifyToken,
    sessions,
  };
  const connectionAdmin = new ConnectionAdmin(context);
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
      () => queues.refresh(),
      () => operations.lookForLateChildren(),
    ],
    onHeartbeat: () => outage.join(),
    sweep: [
      () => registry.sweep(),
      () => operations.adopt(),
      () => queues.sweep(),
      () => inbox.sweep(),
      () => questionKeeper.sweep(),
    ],
  };
  const maintenance = new MaintenanceLoop(wheel, engine.leases, work, onError);
  availability.onState((state) => {
    if (state === "available" && outage.awaitsStore) wheel.set(maintenance, 0);
    if (state === "available") void queues.watch.restored().catch(onError);
  });

  function deliveryLoop(sender: ReachSender | undefined): DeliveryLoop | undefined {
    if (sender === undefined) return undefined;
    const log = new OperationLog(engine.log, rules);
    const runner = new ErrandRunner({
      engine,
      deadLetters,
      clock,
      random,
      sender,
      instruments,
      readOperation: async (id) => (await log.read(id))?.state,
      isVisible: (user) => visibility.isVisible(user),
      isWaiting: async (user, item) => {
        const found = await engine.inbox.get(inboxOf(user), item);
        if (found === undefined || found.snoozedUntil !== undefined) return false;
        return found.kind === "question" || found.readAt === undefined;
      },
    });
    return new DeliveryLoop({ deliveries: engine.deliveries, runner, wheel, onError });
  }

  return {
    context,
    deadLetters: new DeadLetterService(engine, rules, clock, errorLog, channels, reach),
    connectionAdmin,
    admission,
    sessions,
    tickets,
    maintenance,
  };
}
