import type { Clock, Random, Signals } from "@milepost/engine";
import { isRecord } from "@milepost/protocol";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import type { TicketPerson } from "./ticket-owner.ts";

/** Time over which the changes of a queue are collected before the other nodes learn of them, in milliseconds. */
const collectMs = 100;
/** Most new tickets in one signal. */
const ticketsTogether = 100;

/** A ticket that has joined, and to whom it belongs. */
export interface NewTicket {
  readonly id: string;
  readonly person: TicketPerson;
}

/** Signal that a queue has changed. */
export interface QueueSignal {
  readonly kind: "queue";
  readonly queue: string;
  /** Life of the node that sends it. */
  readonly by: string;
  /** Number of changes that may have moved tickets. */
  readonly moves: number;
  readonly joined: readonly NewTicket[];
}

/** Reads a signal of another node; undefined for anything else. */
export function readQueueSignal(value: Record<string, unknown>): QueueSignal | undefined {
  const { kind, queue, by, moves, joined } = value;
  if (kind !== "queue" || typeof queue !== "string" || typeof by !== "string") return undefined;
  return {
    kind,
    queue,
    by,
    moves: typeof moves === "number" && moves > 0 ? moves : 1,
    joined: Array.isArray(joined) ? joined.filter(isNewTicket) : [],
  };
}

function isNewTicket(value: unknown): value is NewTicket {
  return isRecord(value) && typeof value.id === "string" && isRecord(value.person);
}

/** Parts of the node that {@link QueueSignals} uses. */
export interface QueueSignalsContext {
  readonly signals: Pick<Signals, "send">;
  readonly isShared: boolean;
  readonly clock: Clock;
  readonly random: Random;
  /** Name of this node. */
  readonly node: string;
  readonly wheel: TimerWheel;
  readonly onError: (error: unknown) => void;
  /** Called with each change of a queue, of this node at once and of others as their signals arrive. */
  readonly onChange: (queue: string, moves: number, joined: readonly NewTicket[]) => void;
}

/** Changes of one queue that the other nodes do not know yet. */
class Unsent extends Deadline {
  moves = 0;
  joined: NewTicket[] = [];
  readonly #send: () => void;

  constructor(send: () => void) {
    super();
    this.#send = send;
  }

  override onDue(): void {
    this.#send();
  }
}

/** Tells all nodes that queues have changed. The changes of a queue are collected for 100 ms, so that many of them cost few signals. */
export class QueueSignals {
  readonly #context: QueueSignalsContext;
  readonly #id: string;
  readonly #unsent = new Map<string, Unsent>();

  constructor(context: QueueSignalsContext) {
    this.#context = context;
    this.#id = `${context.node}.${context.random.id(12)}`;
  }

  /** Records a change of a queue at this node, with the ticket that has joined if there is one. */
  changed(queue: string, joined?: NewTicket): void {
    const { isShared, wheel, onChange } = this.#context;
    onChange(queue, 1, joined === undefined ? [] : [joined]);
    if (!isShared) return;
    let unsent = this.#unsent.get(queue);
    if (unsent === undefined) {
      unsent = new Unsent(() => this.#send(queue));
      this.#unsent.set(queue, unsent);
      wheel.set(unsent, collectMs);
    }
    unsent.moves++;
    if (joined !== undefined) unsent.joined.push(joined);
    if (unsent.joined.length >= ticketsTogether) this.#send(queue);
  }

  /** Takes a signal of any node. */
  receive({ queue, by, moves, joined }: QueueSignal): void {
    if (by !== this.#id) this.#context.onChange(queue, moves, joined);
  }

  #send(queue: string): void {
    const { signals, wheel, onError } = this.#context;
    const unsent = this.#unsent.get(queue);
    if (unsent === undefined) return;
    this.#unsent.delete(queue);
    wheel.clear(unsent);
    const { moves, joined } = unsent;
    const signal: QueueSignal = { kind: "queue", queue, by: this.#id, moves, joined };
    void signals.send(signal).catch(onError);
  }
}
