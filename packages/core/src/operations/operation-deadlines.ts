import {
  isFinal,
  isSettled,
  type OperationCommand,
  type OperationEvent,
  type OperationState,
} from "@milepost/model";
import { Deadline } from "../runtime/timer-wheel.ts";

/** How long a producer may be silent, times its lease, before its operation is given up. */
const lostAfterLeases = 10;

/** How long commands may wait, in milliseconds. */
export interface CommandTimeouts {
  readonly commandAckMs: number;
  readonly commandDoneMs: number;
}

/** A sign of life of a producer: it renewed its lease. */
export interface Renewal {
  /** On the clock that never goes backwards. */
  readonly at: number;
  /** How long it may be silent now. */
  readonly leaseMs: number;
  /** As the lease says it, by which two renewals can be told apart; undefined where there is no lease. */
  readonly expiresAt: number | undefined;
}

interface WatchedCommand {
  readonly phase: OperationCommand["phase"];
  readonly since: number;
}

/**
 * What a node watches an operation for: a producer that falls silent, commands that nobody answers.
 *
 * All of it is one deadline on the node's wheel. Times are those of the clock that never goes backwards.
 */
export class OperationDeadlines extends Deadline {
  readonly operationId: string;
  /** The name of the key that created it. */
  readonly service: string;
  /** How often in a row what is overdue could not be published. */
  failures = 0;
  /** The dead letter that says so. */
  deadLetterId: string | undefined;
  readonly #onDue: (deadlines: OperationDeadlines) => void;
  readonly #timeouts: CommandTimeouts;
  #leaseMs: number;
  #renewedAt: number;
  #expiresAt: number | undefined;
  readonly #commands = new Map<string, WatchedCommand>();

  constructor(
    operationId: string,
    service: string,
    { at, leaseMs, expiresAt }: Renewal,
    patience: CommandTimeouts,
    onDue: (deadlines: OperationDeadlines) => void,
  ) {
    super();
    this.operationId = operationId;
    this.service = service;
    this.#leaseMs = leaseMs;
    this.#renewedAt = at;
    this.#expiresAt = expiresAt;
    this.#timeouts = patience;
    this.#onDue = onDue;
  }

  override onDue(): void {
    this.#onDue(this);
  }

  /** The producer gave a sign of life here. */
  renewed({ at, leaseMs, expiresAt }: Renewal): void {
    this.#renewedAt = Math.max(this.#renewedAt, at);
    this.#leaseMs = leaseMs;
    this.#expiresAt = expiresAt;
  }

  /** What the lease says, which another node may have renewed since; the renewal known already is none. */
  renewedElsewhere(renewal: Renewal): void {
    if (renewal.expiresAt !== this.#expiresAt) this.renewed(renewal);
  }

  /** Looks at the commands; answers when something is due next, undefined when nothing is. */
  observe(state: OperationState, now: number): number | undefined {
    this.#observeCommands(state.commands, now);
    let due = Number.POSITIVE_INFINITY;
    for (const { phase, since } of this.#commands.values()) {
      due = Math.min(due, since + this.#timeoutOf(phase));
    }
    if (!isFinal(state.status)) {
      const leases = state.status === "stalled" ? lostAfterLeases : 1;
      due = Math.min(due, this.#renewedAt + leases * this.#leaseMs);
    }
    return due === Number.POSITIVE_INFINITY ? undefined : due;
  }

  /** What has to be published now, one event after the other. */
  overdue(state: OperationState, now: number): OperationEvent | undefined {
    this.#observeCommands(state.commands, now);
    for (const { id, command, phase } of state.commands) {
      const watched = this.#commands.get(id);
      if (watched !== undefined && now - watched.since >= this.#timeoutOf(phase)) {
        return { event: "command", data: { command_id: id, command, phase: "timed_out" } };
      }
    }
    if (isFinal(state.status)) return undefined;
    const silent_ms = Math.round(now - this.#renewedAt);
    if (state.status !== "stalled") {
      return silent_ms >= this.#leaseMs ? { event: "stalled", data: { silent_ms } } : undefined;
    }
    const givenUp = silent_ms >= lostAfterLeases * this.#leaseMs;
    return givenUp ? { event: "lost", data: { silent_ms } } : undefined;
  }

  #observeCommands(commands: readonly OperationCommand[], now: number): void {
    const unsettled = commands.filter(({ phase }) => !isSettled(phase));
    for (const id of [...this.#commands.keys()]) {
      if (!unsettled.some((command) => command.id === id)) this.#commands.delete(id);
    }
    for (const { id, phase } of unsettled) {
      if (this.#commands.get(id)?.phase !== phase) this.#commands.set(id, { phase, since: now });
    }
  }

  #timeoutOf(phase: OperationCommand["phase"]): number {
    return phase === "requested" ? this.#timeouts.commandAckMs : this.#timeouts.commandDoneMs;
  }
}
