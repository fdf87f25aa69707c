/** Count that only grows. */
interface Counter {
  add(count: number): void;
}

/** The part of the gateway's `Meter` that the bridge uses. */
export interface BridgeMeter {
  counter(
    name: string,
    help: string,
    labels?: Readonly<Record<string, readonly string[]>>,
  ): { with(labels: Readonly<Record<string, string>>): Counter };
  gauge(name: string, help: string, read?: () => number): unknown;
}

/** Reasons for which the bridge refuses a client or a message. */
export const refusalReasons = [
  "origin",
  "connections",
  "unauthenticated",
  "credential",
  "rate",
  "shutdown",
] as const;
/** A reason of {@link refusalReasons}. */
export type RefusalReason = (typeof refusalReasons)[number];

/** Outcomes of connects that ask for a recovery. */
const outcomes = ["recovered", "not_recovered"] as const;

/** Numbers of a bridge since its start. */
export interface BridgeCounts {
  readonly recovered: number;
  readonly notRecovered: number;
  /** Times that the bridge stopped reading for a slow client. */
  readonly paused: number;
  readonly refused: Readonly<Record<RefusalReason, number>>;
}

/** Counts what happens at a bridge, and records it in the meter. */
export class Instruments {
  readonly #counts: Record<string, number> = {};
  readonly #recorders = new Map<string, Counter>();

  constructor(
    meter: BridgeMeter | undefined,
    read: { readonly connections: () => number; readonly users: () => number },
  ) {
    if (meter === undefined) return;
    meter.gauge(
      "milepost_socketio_connections",
      "Connections of Socket.IO clients.",
      read.connections,
    );
    meter.gauge("milepost_socketio_users", "Users and guests with a Socket.IO client.", read.users);
    const recoveries = meter.counter(
      "milepost_socketio_recoveries_total",
      "Reconnects that asked for a recovery.",
      {
        outcome: outcomes,
      },
    );
    for (const outcome of outcomes) this.#recorders.set(outcome, recoveries.with({ outcome }));
    const refused = meter.counter(
      "milepost_socketio_refused_total",
      "Clients and messages that were refused.",
      {
        reason: refusalReasons,
      },
    );
    for (const reason of refusalReasons) this.#recorders.set(reason, refused.with({ reason }));
    const pauses = meter.counter(
      "milepost_socketio_pauses_total",
      "Pauses of reading for a slow client.",
      {
        reason: ["slow"],
      },
    );
    this.#recorders.set("paused", pauses.with({ reason: "slow" }));
  }

  count(what: RefusalReason | (typeof outcomes)[number] | "paused"): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
    this.#recorders.get(what)?.add(1);
  }

  get counts(): BridgeCounts {
    const of = (what: string) => this.#counts[what] ?? 0;
    const refused = Object.fromEntries(refusalReasons.map((reason) => [reason, of(reason)]));
    return {
      recovered: of("recovered"),
      notRecovered: of("not_recovered"),
      paused: of("paused"),
      refused: refused as Record<RefusalReason, number>,
    };
  }
}
