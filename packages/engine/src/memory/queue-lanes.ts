import { laneCost, nextLane, servedBefore } from "../queue-order.ts";
import { RankedSet } from "./ranked-set.ts";

interface Lane {
  readonly name: string;
  weight: number;
  isDraining: boolean;
  cost: number;
  base: number;
  /** Tickets that wait, by the number of their join. */
  readonly tickets: RankedSet;
  /** Number of the waiting tickets that were never claimed. */
  waiting: number;
}

/** Ticket as the lanes see it. */
export interface LanedTicket {
  readonly id: string;
  readonly lane: string;
  /** Number of the join; rises over all lanes. */
  readonly number: number;
  /** Fence of the first claim; 0 before. */
  readonly firstFence: number;
}

/** Lanes without their tickets. */
export interface KeptLanes {
  readonly virtual: number;
  readonly lanes: readonly Pick<Lane, "name" | "weight" | "isDraining" | "base">[];
}

/** Virtual time from which on all virtual times are made smaller, so that they stay whole numbers for ever. */
const maxVirtual = 2 ** 50;

/** Waiting tickets of one queue, in the order of service. */
export class QueueLanes {
  #lanes: Lane[] = [];
  /** Tickets that came back from a worker, by the fence of their first claim. They are served before all others. */
  readonly #returned = new RankedSet();
  /** Virtual time of the latest first claim. */
  #virtual = 0;

  get waiting(): number {
    let waiting = this.#returned.size;
    for (const lane of this.#lanes) waiting += lane.waiting;
    return waiting;
  }

  /** Lanes without their tickets, as {@link restore} takes them. */
  get kept(): KeptLanes {
    const lanes = this.#lanes.map(({ name, weight, isDraining, base }) => ({
      name,
      weight,
      isDraining,
      base,
    }));
    return { virtual: this.#virtual, lanes };
  }

  restore({ virtual, lanes }: KeptLanes): void {
    this.#virtual = virtual;
    this.#lanes = lanes.map(({ name, weight, isDraining, base }) => ({
      ...this.#newLane(name, weight),
      isDraining,
      base,
    }));
  }

  /** Adds a ticket that waited already when the lanes were kept. */
  restoreTicket(ticket: LanedTicket): void {
    if (ticket.firstFence > 0) {
      this.putBack(ticket);
      return;
    }
    const lane = this.#lane(ticket.lane);
    lane.tickets.add(ticket.number, 0, ticket.id);
    lane.waiting++;
  }

  /** Returns all lanes, with the number of tickets that wait. */
  list() {
    return this.#lanes.map(({ name, weight, isDraining, tickets }) => ({
      name,
      weight,
      isDraining,
      waiting: tickets.size,
    }));
  }

  /** Returns how many lanes would drain with these lanes configured. */
  drainingWith(weights: Readonly<Record<string, number>>): number {
    return this.#lanes.filter(
      ({ name, tickets }) => tickets.size > 0 && !Object.hasOwn(weights, name),
    ).length;
  }

  /** Sets the lanes and their weights. Other lanes drain. */
  configure(weights: Readonly<Record<string, number>>): void {
    const before = new Map(this.#lanes.map((lane) => [lane.name, lane]));
    const configured = Object.entries(weights).map(([name, weight]): Lane => {
      const cost = laneCost(weight);
      const lane = before.get(name) ?? this.#newLane(name, weight);
      before.delete(name);
      lane.weight = weight;
      lane.cost = cost;
      lane.isDraining = false;
      // A lane that becomes heavier must get no turns for the time in which it was light.
      lane.base = Math.max(lane.base, this.#virtual - cost);
      return lane;
    });
    const draining = [...before.values()];
    for (const lane of draining) lane.isDraining = true;
    this.#lanes = [...configured, ...draining];
    this.#dropDrained();
  }

  /** Adds a ticket that has just joined. */
  add(ticket: LanedTicket): void {
    const lane = this.#lane(ticket.lane);
    if (lane.waiting === 0) lane.base = Math.max(lane.base, this.#virtual);
    lane.tickets.add(ticket.number, 0, ticket.id);
    lane.waiting++;
  }

  /** Returns a claimed ticket to its old place. */
  putBack(ticket: LanedTicket): void {
    this.#lane(ticket.lane).tickets.add(ticket.number, 0, ticket.id);
    this.#returned.add(ticket.firstFence, 0, ticket.id);
  }

  /** Removes a waiting ticket, wherever it is. */
  remove(ticket: LanedTicket): void {
    const lane = this.#lane(ticket.lane);
    lane.tickets.remove(ticket.number, 0);
    if (ticket.firstFence > 0) this.#returned.remove(ticket.firstFence, 0);
    else lane.waiting--;
    this.#dropDrained();
  }

  /** Returns the id of the ticket that is next in the order of service. */
  next(): string | undefined {
    const returned = this.#returned.at(0);
    if (returned !== undefined) return returned;
    const lane = this.#lanes[nextLane(this.#lanes) ?? -1];
    return lane?.tickets.at(lane.tickets.size - lane.waiting);
  }

  /** Removes a ticket that {@link next} returned, because it is claimed. */
  take(ticket: LanedTicket): void {
    if (ticket.firstFence === 0) {
      const lane = this.#lane(ticket.lane);
      lane.base += lane.cost;
      this.#virtual = Math.max(this.#virtual, lane.base);
      if (this.#virtual > maxVirtual) this.#makeSmaller();
    }
    this.remove(ticket);
  }

  /** Returns the place of a waiting ticket. */
  place(ticket: LanedTicket) {
    const index = this.#lanes.findIndex(({ name }) => name === ticket.lane);
    const lane = this.#lane(ticket.lane);
    const aheadInLane = lane.tickets.countBefore(ticket.number);
    const before =
      ticket.firstFence > 0
        ? this.#returned.countBefore(ticket.firstFence)
        : this.#returned.size +
          servedBefore(this.#lanes, index, aheadInLane - (lane.tickets.size - lane.waiting));
    return { position: before + 1, total: this.waiting, aheadInLane };
  }

  /** Returns the ids of the first tickets in the order of service. */
  head(limit: number): string[] {
    const ids: string[] = [];
    for (let rank = 0; ids.length < limit; rank++) {
      const id = this.#returned.at(rank);
      if (id === undefined) break;
      ids.push(id);
    }
    const lanes = this.#lanes.map((lane) => ({ ...lane }));
    while (ids.length < limit) {
      const lane = lanes[nextLane(lanes) ?? -1];
      const id = lane?.tickets.at(lane.tickets.size - lane.waiting);
      if (lane === undefined || id === undefined) break;
      ids.push(id);
      lane.base += lane.cost;
      lane.waiting--;
    }
    return ids;
  }

  #newLane(name: string, weight: number): Lane {
    return {
      name,
      weight,
      isDraining: false,
      cost: laneCost(weight),
      base: this.#virtual,
      tickets: new RankedSet(),
      waiting: 0,
    };
  }

  /** A ticket may come back to a lane that has drained meanwhile. It then drains with the weight 1. */
  #lane(name: string): Lane {
    const known = this.#lanes.find((lane) => lane.name === name);
    if (known !== undefined) return known;
    const lane = { ...this.#newLane(name, 1), isDraining: true };
    this.#lanes.push(lane);
    return lane;
  }

  #dropDrained(): void {
    if (!this.#lanes.some(({ isDraining }) => isDraining)) return;
    this.#lanes = this.#lanes.filter(({ isDraining, tickets }) => !isDraining || tickets.size > 0);
  }

  #makeSmaller(): void {
    for (const lane of this.#lanes) lane.base -= this.#virtual;
    this.#virtual = 0;
  }
}
