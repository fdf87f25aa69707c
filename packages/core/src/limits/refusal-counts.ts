import type { RecentLimits } from "../insight/recent-limits.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";

/** Limit of a number for which a connection or a socket is refused. */
export type RefusalReason = keyof CoreInstruments["connectionsRefused"];

/** Number of refusals for each limit. */
export type Refusals = Readonly<Record<RefusalReason, number>>;

/** Counts the connections and sockets that a node refused for a number, for its health check and its metrics. */
export class RefusalCounts {
  readonly #instruments: CoreInstruments["connectionsRefused"];
  readonly #limited: Pick<RecentLimits, "note"> | undefined;
  readonly #counts: Record<RefusalReason, number> = {
    node: 0,
    user: 0,
    session: 0,
    service: 0,
    address: 0,
    unauthenticated: 0,
    unauthenticated_address: 0,
  };

  constructor(
    instruments: CoreInstruments["connectionsRefused"],
    limited?: Pick<RecentLimits, "note">,
  ) {
    this.#instruments = instruments;
    this.#limited = limited;
  }

  /** Number of refusals since the node started, by the limit that was reached. */
  get counts(): Refusals {
    return { ...this.#counts };
  }

  /** Counts a refusal. `who` names whom it met, as {@link RecentLimits} does. */
  add(reason: RefusalReason, who = "node"): void {
    this.#limited?.note(`connections_${reason}`, who);
    this.#counts[reason]++;
    this.#instruments[reason].add(1);
  }
}
