import {
  type AskedQuestion,
  type AskQuestion,
  type CommandName,
  type CommandSource,
  type CreatedOperation,
  type CreateOperation,
  isFinal,
  isPendingInput,
  type OperationLease,
  type OperationState,
  type PendingCommand,
  type PendingInput,
  type ProducerGateway,
  parseOperationEvent,
  type Question,
  type ReportEvents,
  type ReportResult,
  reduceOperation,
  type SteeringGateway,
} from "@milepost/model";
import { failure, MilepostError, parseJson } from "@milepost/protocol";
import type { Clock } from "../clock.ts";

/** Fault that a test injects into one call of the gateway. */
export type Fault =
  | "none"
  /** The request never arrives; the caller sees a broken connection. */
  | "lost_request"
  /** The call takes effect; the caller sees a broken connection. */
  | "lost_reply"
  /** The call is answered with a retryable failure. */
  | "unavailable"
  /** The request never arrives, and the caller never gets an answer. */
  | "hang"
  /** The caller never gets an answer. The call takes effect long after the caller stopped waiting for it. */
  | "late"
  /** The call throws before it returns a promise. */
  | "throw";

/** Names of the calls that a gateway offers. */
export type CallName =
  | "create"
  | "report"
  | "takeOver"
  | "pendingCommands"
  | "pendingInputs"
  | "ask"
  | "question";

interface Stored {
  readonly event: string;
  readonly data: unknown;
  readonly key: string | undefined;
}

interface Kept {
  readonly input: CreateOperation;
  state: OperationState;
  fence: number;
  readonly log: Stored[];
  readonly offsets: Map<string, number>;
}

const lateMs = 25_000;

/**
 * Gateway in memory that behaves as documented: leases, keys, commands, and refusals of events that are not
 * possible in the current status. A test can inject a fault into each of its calls.
 */
export class ScriptedGateway implements ProducerGateway, SteeringGateway {
  readonly #clock: Clock;
  readonly #operations = new Map<string, Kept>();
  readonly #waiters = new Set<() => void>();
  #commands = 0;
  /** Returns the fault to inject into a call. Default: none. */
  fault: (call: CallName) => Fault = () => "none";
  /** Returns the failure code with which an event is refused, or undefined to accept the event. */
  refuse: (
    event: string,
    data: unknown,
  ) => "store_unavailable" | "bad_message" | "invalid_data" | undefined = () => undefined;
  /**
   * Returns the error with which a whole batch is refused before any of its events is read, or undefined to
   * accept the batch.
   */
  refuseReport: (input: ReportEvents) => MilepostError | undefined = () => undefined;
  /** Maximum length of a request's body as JSON text, in characters. */
  maxBodyLength = 1_048_576;
  /** Returns the error with which a create is refused, or undefined to accept it. */
  refuseCreate: (input: CreateOperation) => MilepostError | undefined = () => undefined;
  ttlMs = 30_000;
  readonly calls: { readonly name: CallName; readonly events: readonly string[] }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  create(given: CreateOperation): Promise<CreatedOperation> {
    return this.#answer("create", [], () => {
      const input = this.#received(given);
      const { lease_ms: _, ...data } = input;
      const read = parseOperationEvent("created", { operation_id: "made-up", ...data });
      if (!read.ok) throw MilepostError.from(read.failure);
      const refusal = this.refuseCreate(input);
      if (refusal) throw refusal;
      const id = input.operation_id ?? "made-up";
      let kept = this.#operations.get(id);
      const duplicate = kept !== undefined;
      if (!kept) {
        const { lease_ms, ...created } = input;
        const state = reduceOperation(undefined, {
          event: "created",
          data: { ...created, operation_id: id },
          ts: this.#clock.monotonic(),
          offset: 1,
        });
        if (!state)
          throw new MilepostError("bad_message", "the operation cannot be created from this input");
        kept = { input, state, fence: 1, log: [], offsets: new Map() };
        kept.log.push({ event: "created", data: input, key: undefined });
        this.#operations.set(id, kept);
      }
      return {
        operation: kept.state,
        channel: `operation:${id}`,
        lease: this.#lease(kept),
        duplicate,
      };
    });
  }

  report(operationId: string, given: ReportEvents): Promise<readonly ReportResult[]> {
    const names = given.events.map(({ event }) => event);
    return this.#answer("report", names, () => {
      const input = this.#received(given);
      const kept = this.#kept(operationId);
      if (input.lease !== this.#lease(kept).token)
        throw new MilepostError("stale_lease", "taken over");
      const refusal = this.refuseReport(input);
      if (refusal) throw refusal;
      const results: ReportResult[] = [];
      for (const { event, data, key } of input.events) {
        const result = this.#store(kept, event, data, key);
        results.push(result);
        if ("error" in result && result.error.retryable) break;
      }
      return results;
    });
  }

  takeOver(operationId: string): Promise<OperationLease> {
    return this.#answer("takeOver", [], () => {
      const kept = this.#kept(operationId);
      kept.fence++;
      return this.#lease(kept);
    });
  }

  async pendingCommands(
    source: CommandSource,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly PendingCommand[]> {
    const pending = () => this.#answer("pendingCommands", [], () => this.#pending(source));
    const first = await pending();
    if (first.length > 0 || signal?.aborted) return first;
    await this.#woken(waitMs, signal);
    return this.#pending(source);
  }

  async pendingInputs(
    operationId: string,
    after: number,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly PendingInput[]> {
    const pending = () =>
      this.#answer("pendingInputs", [], () =>
        (this.#kept(operationId).state.inputs ?? [])
          .filter(isPendingInput)
          .filter(({ seq }) => seq > after)
          .map(({ id, data, phase, seq }) => ({
            operation_id: operationId,
            input_id: id,
            data,
            phase,
            seq,
          })),
      );
    const first = await pending();
    if (first.length > 0 || signal?.aborted) return first;
    await this.#woken(waitMs, signal);
    return pending();
  }

  /** Sends a message into an operation, as a person would, and returns its id. */
  send(operationId: string, data: unknown): string {
    this.#commands++;
    const id = `input-${this.#commands}`;
    const input = { input_id: id, phase: "queued", data };
    this.#append(this.#kept(operationId), "input", input, undefined);
    this.#wakeAll();
    return id;
  }

  /** Questions by their key, over all operations; they outlive what the gateway forgets. */
  readonly questions = new Map<string, Question>();

  ask(operationId: string, input: AskQuestion): Promise<AskedQuestion> {
    return this.#answer("ask", [], () => {
      const kept = this.#kept(operationId);
      if (input.lease !== undefined && input.lease !== this.#lease(kept).token)
        throw new MilepostError("stale_lease", "taken over");
      const key = input.key ?? "";
      const known = this.questions.get(key);
      if (known !== undefined) return { question: known, duplicate: true };
      const { kind, prompt } = input;
      const asked = { operation_id: operationId, title: "", operation_kind: "", asked_at: 0 };
      const question: Question = { id: key, kind, prompt, status: "open", key, ...asked };
      this.questions.set(key, question);
      return { question, duplicate: false };
    });
  }

  async question(
    _operationId: string,
    id: string,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<Question> {
    const read = () => this.#answer("question", [], () => this.questions.get(id) as Question);
    const first = await read();
    if (first.status !== "open" || signal?.aborted) return first;
    await this.#woken(waitMs, signal);
    return read();
  }

  /** Ends the question with this text, as a person or the gateway does. */
  settleQuestion(prompt: string, end: Pick<Question, "status" | "answer">): void {
    for (const [key, question] of this.questions) {
      if (question.prompt === prompt) this.questions.set(key, { ...question, ...end });
    }
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  #woken(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise<void>((resolve) => {
      const cancel = this.#clock.after(waitMs, () => done());
      const done = () => {
        cancel();
        this.#waiters.delete(done);
        resolve();
      };
      this.#waiters.add(done);
      signal?.addEventListener("abort", done, { once: true });
    });
  }

  /** Requests a command, as a person would, and returns its id. */
  command(operationId: string, command: CommandName, args?: unknown): string {
    this.#commands++;
    const id = `command-${this.#commands}`;
    const data = { command_id: id, command, phase: "requested", ...(args ? { args } : {}) };
    this.#append(this.#kept(operationId), "command", data, undefined);
    this.#wakeAll();
    return id;
  }

  /** Takes the operation over as another producer would, so that the current lease becomes stale. */
  stealLease(operationId: string): void {
    this.#kept(operationId).fence++;
  }

  /** Publishes an event that only the gateway itself creates. */
  publish(operationId: string, event: "stalled" | "lost"): void {
    this.#append(this.#kept(operationId), event, { silent_ms: 1 }, undefined);
  }

  /** Forgets everything, as a gateway in memory does when it restarts. */
  forget(): void {
    this.#operations.clear();
  }

  state(operationId: string): OperationState {
    return this.#kept(operationId).state;
  }

  log(operationId: string): readonly Stored[] {
    return this.#operations.get(operationId)?.log ?? [];
  }

  /** Returns the names of an operation's events, in order. */
  names(operationId: string): string[] {
    return this.log(operationId).map(({ event }) => event);
  }

  /** Returns the data of the events with one name in an operation's log, in order. */
  data<T = Record<string, unknown>>(operationId: string, event: string): T[] {
    return this.log(operationId)
      .filter((stored) => stored.event === event)
      .map(({ data }) => data as T);
  }

  /** Returns the body of a request as it arrives, or throws as a gateway refuses it. */
  #received<T>(body: T): T {
    const text = JSON.stringify(body);
    if (text.length > this.maxBodyLength)
      throw new MilepostError("too_large", "the body is too large");
    const read = parseJson(text);
    if (!read.ok) throw MilepostError.from(read.failure);
    return read.value as T;
  }

  #kept(operationId: string): Kept {
    const kept = this.#operations.get(operationId);
    if (!kept) throw new MilepostError("not_found", `no operation ${operationId}`);
    return kept;
  }

  #lease(kept: Kept): OperationLease {
    return { token: `lease-${kept.fence}`, fence: kept.fence, ttl_ms: this.ttlMs };
  }

  #pending(source: CommandSource): PendingCommand[] {
    return [...this.#operations.entries()]
      .filter(([id, { input }]) =>
        "operation" in source ? id === source.operation : input.producer_id === source.producer,
      )
      .flatMap(([id, { state }]) =>
        state.commands
          .filter(({ phase }) => phase === "requested")
          .map((command) => ({
            operation_id: id,
            command_id: command.id,
            command: command.command,
            ...(command.args === undefined ? {} : { args: command.args }),
          })),
      );
  }

  #store(kept: Kept, event: string, data: unknown, key: string | undefined): ReportResult {
    const known = key === undefined ? undefined : kept.offsets.get(key);
    if (known !== undefined) return { position: String(known), duplicate: true };
    const refused = this.refuse(event, data);
    if (refused) return { error: failure(refused, `refused ${event}`) };
    const read = parseOperationEvent(event, data);
    if (!read.ok) return { error: read.failure };
    const begins =
      event === "started" && ((data as { attempt?: number }).attempt ?? 1) > kept.state.attempt;
    if (isFinal(kept.state.status) && event !== "log" && event !== "command" && !begins) {
      return { error: failure("not_possible_now", `the operation is ${kept.state.status}`) };
    }
    this.#append(kept, event, data, key);
    return { position: String(kept.state.offset), duplicate: false };
  }

  #append(kept: Kept, event: string, data: unknown, key: string | undefined): void {
    const offset = kept.state.offset + 1;
    kept.state = reduceOperation(kept.state, { event, data, ts: this.#clock.monotonic(), offset });
    kept.log.push({ event, data, key });
    if (key !== undefined) kept.offsets.set(key, offset);
  }

  #answer<T>(name: CallName, events: readonly string[], effect: () => T): Promise<T> {
    this.calls.push({ name, events });
    const fault = this.fault(name);
    switch (fault) {
      case "throw":
        throw new TypeError("a bug in the gateway's own code");
      case "lost_request":
        return Promise.reject(new MilepostError("store_unavailable", "connection refused"));
      case "unavailable":
        return Promise.reject(
          new MilepostError("shutting_down", "going away", { retryAfterMs: 40 }),
        );
      case "lost_reply":
        return Promise.resolve()
          .then(effect)
          .then(() => Promise.reject(new Error("connection reset")));
      case "hang":
        return new Promise(() => {});
      case "late":
        this.#clock.after(lateMs, () => {
          try {
            effect();
          } catch {
            // A request that arrives late may be refused; the caller no longer waits for its answer.
          }
        });
        return new Promise(() => {});
      case "none":
        return Promise.resolve().then(effect);
    }
  }
}
