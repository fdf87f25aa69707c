import { type Clock, type Engine, type Random, SerialQueues } from "@milepost/engine";
import type {
  CommandSource,
  CreatedOperation,
  CreateOperation,
  OperationAtPosition,
  OperationEvent,
  OperationFilter,
  OperationLease,
  OperationList,
  OperationState,
  PendingCommand,
  PendingInput,
  ReportEvents,
  ReportedEvent,
  ReportResult,
  RequestCommand,
  RequestCommands,
  RequestedCommand,
  RequestedCommands,
  SendInput,
  SentInput,
} from "@milepost/model";
import { failure, formatPosition, MilepostError } from "@milepost/protocol";
import { AssuredPublisher } from "../dead-letters/assured-publisher.ts";
import { LearnedKinds } from "../estimates/learned-kinds.ts";
import { EventWaits } from "../hub/event-waits.ts";
import type { Hub } from "../hub/hub.ts";
import { orThrow } from "../input/input.ts";
import type { JsonSchemas } from "../input/json-schemas.ts";
import type { QuestionKeeper } from "../questions/question-keeper.ts";
import type { Reach } from "../reach/reach.ts";
import type { OperationContract } from "../rules/contract/operation-contract.ts";
import {
  authorOf,
  type Principal,
  publisherOf,
  type ServicePrincipal,
} from "../rules/principal.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import { requireService } from "../rules/service-scopes.ts";
import { writeAudit } from "../runtime/audit.ts";
import type { ErrorLog } from "../runtime/error-log.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";
import type { CoreLimits } from "../runtime/limits.ts";
import type { CoreLog } from "../runtime/options.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import {
  inSpan,
  inTrace,
  type SpanAttributes,
  type SpanName,
  spanNames,
  type Tracer,
} from "../runtime/tracer.ts";
import { requireBelonging } from "./belonging.ts";
import { Budgets } from "./budgets.ts";
import { FilteredCommands } from "./filtered-commands.ts";
import { isQueued } from "./is-queued.ts";
import { listFor } from "./list-operations.ts";
import { OperationAccess } from "./operation-access.ts";
import { OperationAnnouncer } from "./operation-announcer.ts";
import { OperationCommands } from "./operation-commands.ts";
import { OperationEstimates } from "./operation-estimates.ts";
import {
  type NewOperation,
  readCommand,
  readCommands,
  readCreate,
  readFilter,
  readLeaseLength,
  readReport,
  readSendInput,
  readWorker,
} from "./operation-inputs.ts";
import { asOperationLease, OperationLeases } from "./operation-leases.ts";
import { type OperationAt, OperationLog, operationChannel } from "./operation-log.ts";
import { operationMetrics } from "./operation-metrics.ts";
import { OperationMonitor } from "./operation-monitor.ts";
import { OperationNotifier } from "./operation-notifier.ts";
import type { Operations } from "./operations-api.ts";
import { PendingCommands } from "./pending-commands.ts";
import { QueuedOperations } from "./queued-operations.ts";
import { judgeReport, readReportedEvent } from "./report.ts";
import { SharedSummaries } from "./shared-summaries.ts";
import { Steering } from "./steering.ts";
import { maxTreeDepth, nextReport, refusesChild, TreeRollUp } from "./tree-rollup.ts";

const maxWaitMs = 60_000;
const idLength = 16;

/** Parts of the node that an {@link OperationService} uses. */
export interface OperationContext {
  readonly node: string;
  readonly engine: Engine;
  readonly contract: OperationContract;
  readonly schemas: JsonSchemas;
  readonly rules: RuleBook;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly limits: CoreLimits;
  readonly errorLog: ErrorLog;
  readonly log: Pick<CoreLog, "info" | "warn"> | undefined;
  readonly reach: Pick<Reach, "operationChanged">;
  readonly tracer: Tracer | undefined;
  /** Called when an operation has ended or is forgotten, until it resolves: its questions end with it. */
  readonly ended: (operationId: string, reason: string) => Promise<void>;
  /** Lets a ticket leave its queue because its operation is to be cancelled. */
  readonly leaveQueue: (queue: string, ticket: string) => Promise<void>;
  /** Ends an operation that waits in a queue although its ticket has ended. */
  readonly settleQueued: (state: OperationState) => Promise<void>;
  /** Questions, of which budgets ask some. */
  readonly questions: () => Pick<QuestionKeeper, "add" | "get">;
  readonly instruments: Pick<
    CoreInstruments,
    | "budgets"
    | "operationsCreated"
    | "operationStatuses"
    | "commands"
    | "commandAnswers"
    | "commandEnds"
    | "operationsStalled"
    | "operationsLost"
    | "operationSummaryRetries"
    | "estimatesTold"
    | "estimateOutcomes"
    | "calibration"
    | "operationInputs"
  >;
}

/**
 * Creates, reports on, commands and watches operations.
 *
 * Every step that decides by an operation's state and then appends runs in that operation's own queue. A
 * report, a command and a timeout that coincide are therefore decided one after the other.
 */
export class OperationService implements Operations {
  readonly #context: OperationContext;
  readonly #log: OperationLog;
  readonly #publisher: AssuredPublisher;
  readonly #shared: SharedSummaries;
  readonly #notifier: OperationNotifier;
  readonly #announcer: OperationAnnouncer;
  readonly #access: OperationAccess;
  readonly #waits: EventWaits;
  readonly #pending: PendingCommands;
  readonly #commands: OperationCommands;
  readonly #filtered: FilteredCommands;
  readonly #steering: Steering;
  readonly #leases: OperationLeases;
  readonly #queues = new SerialQueues();
  readonly #estimates: OperationEstimates;
  readonly #monitor: OperationMonitor;
  readonly #tree: TreeRollUp;
  readonly #budgets: Budgets;
  /** Operations that wait in a queue of the gateway. */
  readonly queued: QueuedOperations;
  #closed = false;

  constructor(context: OperationContext) {
    const { engine, rules, errorLog, hub, wheel, clock, random, limits, instruments } = context;
    const { reach } = context;
    const index = engine.operations;
    this.#context = context;
    this.#log = new OperationLog(engine.log, rules, operationMetrics(instruments));
    const onError = errorLog.report;
    this.#publisher = new AssuredPublisher({ engine, rules, clock, wheel, random, onError });
    this.#shared = new SharedSummaries({
      log: engine.log,
      operations: this.#log,
      index,
      rules,
      wheel,
      random,
      onError,
      onRetry: () => instruments.operationSummaryRetries.add(1),
    });
    this.#notifier = new OperationNotifier(
      this.#publisher,
      index,
      this.#shared,
      reach,
      context.node,
      onError,
    );
    this.#announcer = new OperationAnnouncer({ log: engine.log, rules, wheel, onError });
    this.#access = new OperationAccess(this.#log, rules);
    this.#waits = new EventWaits({ hub, wheel, rules });
    this.#pending = new PendingCommands({ waits: this.#waits, index, operations: this.#log });
    this.#leases = new OperationLeases(engine.leases, clock);
    this.#budgets = new Budgets({
      operations: {
        state: (id) => this.state(id),
        publishOwn: (...args) => this.publishOwn(...args),
        commanded: (state) => this.#notifier.commanded(state),
      },
      index,
      questions: context.questions,
      clock,
      random,
      onError,
    });
    this.#tree = new TreeRollUp({
      index,
      wheel,
      tell: (parent, read, isLate) =>
        this.#queues.run(parent, async () => {
          const before = await this.#log.read(parent);
          const children = await read();
          if (before === undefined) return true;
          const data = nextReport(before.state, children);
          if (data === undefined) {
            // The node that appended this report may have died before it told of it.
            if (isLate) {
              await this.#shared.settle(before);
              await this.#monitor.refresh(before.state);
            }
            // Work further below may have begun after the budget was passed.
            this.#budgets.follow(before.state);
            return true;
          }
          const author = { publisher: "gateway:operations" };
          const after = await this.#log.append(parent, before, { event: "children", data }, author);
          await this.#notifier.changed(before, after);
          await this.#monitor.refresh(after.state, { before: before.state });
          // Of two reports with one revision, the log keeps the first.
          return nextReport(after.state, children) === undefined;
        }),
      onError,
    });
    this.#estimates = new OperationEstimates({
      log: this.#log,
      notifier: this.#notifier,
      kinds: new LearnedKinds({
        durations: engine.durations,
        clock,
        maxKinds: limits.maxLearnedKinds,
      }),
      clock,
      random,
      onError,
      instruments,
    });
    this.#monitor = new OperationMonitor({
      onIndexed: (state) => {
        this.#tree.changed(state.parent);
        this.#budgets.follow(state);
      },
      log: this.#log,
      leases: this.#leases,
      notifier: this.#notifier,
      estimates: this.#estimates,
      shared: this.#shared,
      queues: this.#queues,
      index,
      clock,
      wheel,
      timeouts: limits,
      deadLetters: engine.deadLetters,
      errorLog,
      logLines: context.log,
      ended: context.ended,
      settleQueued: context.settleQueued,
      instruments,
    });
    const steered = {
      access: this.#access,
      log: this.#log,
      notifier: this.#notifier,
      monitor: this.#monitor,
      random,
    };
    this.#commands = new OperationCommands({
      ...steered,
      contract: context.contract,
      schemas: context.schemas,
    });
    this.#filtered = new FilteredCommands({
      index,
      command: (principal, id, request) => this.command(principal, id, request),
      failureOf: (error) => errorLog.failureOf(error),
    });
    this.#steering = new Steering({ ...steered, waits: this.#waits, instruments });
    this.queued = new QueuedOperations({
      log: this.#log,
      leases: this.#leases,
      monitor: this.#monitor,
      notifier: this.#notifier,
      queues: this.#queues,
    });
  }

  async create(principal: Principal, input: CreateOperation): Promise<CreatedOperation> {
    this.#refuseWhenClosed();
    serviceOf(principal);
    const operation = orThrow(readCreate(input, this.#context.random.id(idLength)));
    const { operation_id: id, kind, input: given } = operation.created;
    const service = requireService(principal, "operations", operationChannel(id));
    requireBelonging(service, operation.created, this.#context.rules);
    await this.#context.contract.checkInput(kind, given);
    this.#commands.requireDefinitions(operation.created.accepts?.commands, "accepts.commands");
    return this.#traced(service, spanNames.publish, id, { "milepost.events": 1 }, (by) =>
      this.#queues.run(id, () => this.#create(by, operation)),
    );
  }

  async get(principal: Principal, operationId: string): Promise<OperationAtPosition> {
    this.#refuseWhenClosed();
    const { state, position } = await this.#access.seen(principal, operationId);
    return { operation: state, position: formatPosition(position) };
  }

  async list(principal: Principal, filter: OperationFilter): Promise<OperationList> {
    this.#refuseWhenClosed();
    const query = orThrow(readFilter(filter));
    const found = await listFor(principal, query, this.#context.engine.operations);
    return { operations: found.map(({ summary }) => summary) };
  }

  async report(
    principal: Principal,
    operationId: string,
    input: ReportEvents,
  ): Promise<readonly ReportResult[]> {
    this.#refuseWhenClosed();
    const service = requireService(principal, "operations", operationChannel(operationId));
    const { lease, events = [] } = orThrow(readReport(input));
    const work = (by: ServicePrincipal) =>
      this.#queues.run(operationId, () => this.#report(by, operationId, lease, events));
    return events.length === 0
      ? work(service)
      : this.#traced(
          service,
          spanNames.publish,
          operationId,
          { "milepost.events": events.length },
          work,
        );
  }

  async takeOver(
    principal: Principal,
    operationId: string,
    leaseMs?: number,
    worker?: string,
  ): Promise<OperationLease> {
    this.#refuseWhenClosed();
    const service = requireService(principal, "operations", operationChannel(operationId));
    const length = orThrow(readLeaseLength(leaseMs));
    const holder = orThrow(readWorker(worker)) ?? service.name;
    return this.#queues.run(operationId, async () => {
      const { state } = await this.#access.existing(operationId);
      const lease = await this.#leases.take(operationId, holder, length);
      await this.#monitor.refresh(state, { service, lease });
      return asOperationLease(lease);
    });
  }

  async command(
    principal: Principal,
    operationId: string,
    input: RequestCommand,
  ): Promise<RequestedCommand> {
    this.#refuseWhenClosed();
    const request = orThrow(readCommand(input));
    const about = { "milepost.command": request.command };
    const requested = await this.#traced(principal, spanNames.command, operationId, about, (by) =>
      this.#queues.run(operationId, () => this.#commands.request(by, operationId, request)),
    );
    if (request.command === "cancel") await this.#leaveQueue(operationId);
    this.#audit(principal, operationId, request.command);
    return requested;
  }

  async commandAll(principal: Principal, input: RequestCommands): Promise<RequestedCommands> {
    this.#refuseWhenClosed();
    return this.#filtered.request(principal, orThrow(readCommands(input)));
  }

  /** Runs work within a span of an operation, on behalf of the principal in that span's trace. */
  #traced<P extends Principal, T>(
    principal: P,
    name: SpanName,
    operationId: string,
    about: SpanAttributes,
    work: (principal: P) => Promise<T>,
  ): Promise<T> {
    const { tracer } = this.#context;
    if (tracer === undefined) return work(principal);
    const span = tracer.start(name, {
      parent: principal.traceparent,
      attributes: {
        "messaging.system": "milepost",
        "messaging.destination.name": operationChannel(operationId),
        "milepost.operation": operationId,
        "milepost.publisher": publisherOf(principal),
        ...about,
      },
    });
    return inSpan(span, () => work(inTrace(principal, span)));
  }

  /** Backends send commands for their users all the time; only those of the console are an administrator's. */
  #audit(principal: Principal, operation: string, command: string): void {
    const { log } = this.#context;
    if (log === undefined || principal.kind !== "service" || principal.isConsole !== true) return;
    const target = { operation, command };
    writeAudit(log, principal, { action: "operations.command", target, outcome: "done" });
  }

  /** Lets an operation that waits in a queue leave it. A worker that claims it at the same time gets the command instead. */
  async #leaveQueue(operationId: string): Promise<void> {
    const { leaveQueue, errorLog } = this.#context;
    const state = await this.queued.read(operationId);
    const { queue, ticket } = state?.waiting ?? {};
    if (state === undefined || !isQueued(state) || queue === undefined || ticket === undefined)
      return;
    await leaveQueue(queue, ticket).catch(errorLog.report);
  }

  async pendingCommands(
    principal: Principal,
    source: CommandSource,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly PendingCommand[]> {
    this.#refuseWhenClosed();
    const channel = "operation" in source ? operationChannel(source.operation) : undefined;
    requireService(principal, "operations", channel);
    return this.#pending.wait(source, waitOf(waitMs), signal);
  }

  async input(principal: Principal, operationId: string, input: SendInput): Promise<SentInput> {
    this.#refuseWhenClosed();
    const message = orThrow(readSendInput(input));
    return this.#queues.run(operationId, () =>
      this.#steering.send(principal, operationId, message),
    );
  }

  async pendingInputs(
    principal: Principal,
    operationId: string,
    after = 0,
    waitMs = 0,
    signal?: AbortSignal,
  ): Promise<readonly PendingInput[]> {
    this.#refuseWhenClosed();
    requireService(principal, "operations", operationChannel(operationId));
    return this.#steering.pending(operationId, after, waitOf(waitMs), signal);
  }

  /** Returns the state of an operation for other parts of the node; undefined where there is none. */
  async state(operationId: string): Promise<OperationState | undefined> {
    return (await this.#log.read(operationId))?.state;
  }

  /**
   * Publishes the gateway's own events that `missing` derives from an operation's state, one after the other in the
   * operation's queue. Returns the state after them; undefined for an operation that does not exist.
   */
  publishOwn(
    operationId: string,
    publisher: string,
    missing: (state: OperationState) => readonly {
      readonly event: OperationEvent;
      readonly key: string;
      readonly traceparent?: string;
    }[],
  ): Promise<OperationState | undefined> {
    return this.#queues.run(operationId, async () => {
      const before = await this.#log.read(operationId);
      if (before === undefined) return undefined;
      let operation = before;
      for (const { event, ...rest } of missing(before.state)) {
        const after = await this.#log.append(operationId, operation, event, { publisher, ...rest });
        if (!after.duplicate) await this.#notifier.changed(operation, after);
        operation = after;
      }
      if (operation !== before) {
        await this.#monitor.refresh(operation.state, { before: before.state });
      }
      return operation.state;
    });
  }

  /** Forgets the operation to which a purged channel belongs. Does nothing for other channels. */
  async forgetChannel(channel: string): Promise<void> {
    const operationId = /^operation:([^:]+)$/.exec(channel)?.[1];
    if (operationId !== undefined) await this.#forget(operationId);
  }

  async #forget(operationId: string): Promise<void> {
    await this.#queues.run(operationId, async () => {
      this.#monitor.end(operationId);
      const indexed = await this.#context.engine.operations.get(operationId);
      await this.#context.engine.operations.remove(operationId);
      this.#announcer.announce(operationId);
      await this.#context.ended(operationId, "deleted");
      this.#tree.changed(indexed?.summary.parent);
    });
  }

  /** Reports to parents what their children have done, where the node that should have done it may have died. */
  async lookForLateChildren(): Promise<void> {
    if (!this.#closed) await this.#tree.lookForLate();
  }

  /** Takes over operations whose node has died. */
  async adopt(): Promise<void> {
    if (!this.#closed) await this.#monitor.adopt();
  }

  /** Ends all waits, lets running calls finish, stops watching, and refuses later calls. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waits.close();
    await this.#queues.idle();
    await this.#tree.close();
    await this.#budgets.close();
    await this.#shared.close();
    this.#monitor.close();
    await this.#announcer.close();
    await this.#publisher.close();
  }

  #refuseWhenClosed(): void {
    if (this.#closed)
      throw new MilepostError("shutting_down", "this node has shut down; retry on another node");
  }

  async #create(
    service: ServicePrincipal,
    { created, leaseMs }: NewOperation,
  ): Promise<CreatedOperation> {
    const id = created.operation_id;
    const channel = operationChannel(id);
    const holder = created.producer_id ?? service.name;
    const existing = await this.#log.read(id);
    if (existing !== undefined) {
      if (!(await this.#isCreator(service, id))) throw taken(id);
      const { state } = existing;
      const lease = await this.#leases.again(state, created.producer_id, holder, leaseMs);
      // The node that created it may also have died before it published the summary.
      await this.#shared.settle(existing);
      await this.#monitor.refresh(state, { service, lease });
      // The node that created it may have died before it announced the operation.
      this.#announce(state);
      return { operation: state, channel, lease: asOperationLease(lease), duplicate: true };
    }
    if (created.parent !== undefined) await this.#requireParent(service, id, created.parent);
    const lease = await this.#leases.begin(id, holder, leaseMs);
    await this.#monitor.expect(id, service, lease);
    const author = { ...authorOf(service), key: "created" };
    const event = { event: "created", data: created } as const;
    const after = await this.#log.append(id, undefined, event, author).catch((error: unknown) => {
      // The operation may have begun although the answer was lost.
      this.#announcer.announce(id);
      throw error;
    });
    const { duplicate } = after;
    if (!duplicate) this.#context.instruments.operationsCreated.add(1);
    this.#announce(after.state);
    await this.#notifier.changed(undefined, after);
    const { state } = duplicate ? after : await this.#estimates.follow(undefined, after);
    await this.#monitor.refresh(state, { service, lease });
    return { operation: state, channel, lease: asOperationLease(lease), duplicate };
  }

  /** Throws unless the new operation may become a child of `parent`: of the same API key, without a circle, not too deep. */
  async #requireParent(service: ServicePrincipal, id: string, parent: string): Promise<void> {
    let above: string | undefined = parent;
    for (let level = 2; above !== undefined; level++) {
      if (above === id) {
        throw new MilepostError(
          "bad_message",
          "an operation cannot be a part of itself; choose another parent",
        );
      }
      if (level > maxTreeDepth) {
        throw new MilepostError(
          "not_possible_now",
          `a tree of operations has at most ${maxTreeDepth} levels; choose a parent further up`,
        );
      }
      const found: OperationAt | undefined = await this.#log.read(above);
      // A parent of another key looks like one that does not exist.
      if (above === parent && (found === undefined || !(await this.#isCreator(service, parent)))) {
        throw new MilepostError(
          "not_found",
          `there is no operation ${parent} of this API key; create the parent first, with the same key`,
        );
      }
      const refusal = above === parent && found !== undefined && refusesChild(found.state);
      if (typeof refusal === "string") {
        throw new MilepostError(
          "not_possible_now",
          `operation ${parent} gets no more children: ${refusal}`,
        );
      }
      above = found?.state.parent;
    }
  }

  /** True if the service created the operation. The index may not know it yet if the node died right after it. */
  async #isCreator(service: ServicePrincipal, operationId: string): Promise<boolean> {
    const indexed = await this.#context.engine.operations.get(operationId);
    if (indexed !== undefined) return indexed.service === service.name;
    return (await this.#log.find(operationId, publisherOf(service), "created")) !== undefined;
  }

  async #report(
    service: ServicePrincipal,
    operationId: string,
    token: string | undefined,
    events: readonly ReportedEvent[],
  ): Promise<readonly ReportResult[]> {
    let operation = await this.#access.existing(operationId);
    const lease = await this.#leases.renew(operationId, token);
    const before = operation.state;
    const told: Promise<void>[] = [];
    const publish = async (event: OperationEvent, key?: string) => {
      const author = { ...authorOf(service), ...(key === undefined ? {} : { key }) };
      const after = await this.#log.append(operationId, operation, event, author);
      if (!after.duplicate) {
        told.push(this.#notifier.changed(operation, after));
        told.push(this.#estimates.learn(operation.state, after.state));
      }
      operation = after;
      return { position: formatPosition(after.at), duplicate: after.duplicate };
    };
    const results: ReportResult[] = [];
    try {
      if (before.status === "stalled") await publish({ event: "revived", data: {} });
      for (const reported of events) {
        const result = await this.#reportOne(service, operation, reported, publish);
        results.push(result);
        if ("error" in result && result.error.retryable) break;
      }
    } finally {
      await Promise.all(told);
      operation = await this.#estimates.follow(before, operation);
      // A repeated report may be the answer to a node that died before it published the summaries.
      await this.#shared.settle(operation);
      await this.#monitor.refresh(operation.state, { before, service, lease });
    }
    while (results.length < events.length) {
      const error = failure(
        "store_unavailable",
        "an earlier event of this report could not be stored; report this one again",
      );
      results.push({ error });
    }
    return results;
  }

  async #reportOne(
    service: ServicePrincipal,
    { state, position }: OperationAt,
    reported: ReportedEvent,
    publish: (event: OperationEvent, key?: string) => Promise<ReportResult>,
  ): Promise<ReportResult> {
    const { key } = reported;
    try {
      const event = readReportedEvent(reported);
      if (!event.ok) return { error: event.failure };
      const verdict = judgeReport(state, event.value);
      if (verdict.ok && verdict.value.kind === "publish") {
        const { event: published } = verdict.value;
        if (published.event === "accepts") {
          this.#commands.requireDefinitions(published.data.commands, "commands");
        }
        if (published.event === "done") {
          await this.#context.contract.checkResult(state.kind, published.data.result);
        }
        return await publish(published, key);
      }
      // An event that the state refuses may be the retry of an event that led to this state.
      const known =
        key === undefined ? undefined : await this.#log.find(state.id, publisherOf(service), key);
      if (known !== undefined) {
        return { position: formatPosition(known.position), duplicate: true };
      }
      if (!verdict.ok) return { error: verdict.failure };
      return { position: formatPosition(position), duplicate: true };
    } catch (error) {
      return { error: this.#context.errorLog.failureOf(error) };
    }
  }

  /** Announces an operation that has begun. Nobody can wait for an operation without an owner. */
  #announce({ id, user_id, session_id }: OperationState): void {
    if (user_id !== undefined || session_id !== undefined) this.#announcer.announce(id);
  }
}

/** Returns how long a call may wait, in milliseconds. */
function waitOf(waitMs: number): number {
  return Number.isFinite(waitMs) ? Math.min(Math.max(waitMs, 0), maxWaitMs) : 0;
}

function serviceOf(principal: Principal): ServicePrincipal {
  if (principal.kind === "service") return principal;
  throw new MilepostError("forbidden", "only a service may do this; send an API key");
}

function taken(id: string): MilepostError {
  return new MilepostError(
    "already_exists",
    `operation ${id} was created with another API key; use that key`,
  );
}
