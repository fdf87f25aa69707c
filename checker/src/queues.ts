import type {
  ClaimedRecord,
  JoinedRecord,
  PersonRecord,
  PlacedRecord,
  QueueFact,
  QueueRecord,
  TicketCallRecord,
  TicketMovedRecord,
} from "./queue-records.ts";
import type { Accuse } from "./violation.ts";

/** Time without any record of a queue after which its store was away, in milliseconds. */
const outageMs = 15_000;
/** Time after an outage in which no lease is taken from its worker, in milliseconds. */
const recoveryMs = 10_000;

interface Ticket {
  readonly name: string;
  readonly owner: string;
  readonly lane: string;
  readonly number: number;
  state: "waiting" | "running" | "ended";
  /** Order of the first claim; undefined before. */
  firstClaim: number | undefined;
  fence: number;
  leaseEndsAt: number;
  claimedBy: string | undefined;
  /** Time from which its person counts as gone; undefined until the person was first seen. */
  goneAt: number | undefined;
}

interface Lane {
  weight: number;
  /** Waiting tickets that were never claimed, in the order of their joins. */
  readonly waiting: Ticket[];
  /** First claims of other lanes by lane, since this one was served, began to wait, or weights changed. */
  passed: Map<string, number>;
}

interface Queue {
  settings: QueueRecord;
  readonly lanes: Map<string, Lane>;
  readonly tickets: Map<string, Ticket>;
  readonly owners: Map<string, Ticket>;
  /** Waiting tickets that were claimed before. */
  readonly returned: Set<Ticket>;
  running: number;
  fence: number;
  claims: number;
  joins: number;
  touchedAt: number;
  suspendedUntil: number;
  leasesKeptUntil: number;
  /** Tickets in the order of their places, once nobody joins or leaves any more. */
  drained: Map<number, string> | undefined;
  drainedClaims: number;
}

/**
 * Checks W7, the waiting line: no ticket is lost or served twice at a time, fences rise, a lost lease costs no place, every
 * lane moves, and nobody leaves who is here.
 *
 * It keeps a line of its own, as plain lists, from what the store answered.
 */
export class QueueChecks {
  readonly #queues = new Map<string, Queue>();

  take(record: QueueFact, t: number, accuse: Accuse): void {
    const blame = (says: string) => accuse("W7", `${record.queue}: ${says}`);
    if (record.type === "queue") {
      this.#configure(record, t);
      return;
    }
    const queue = this.#queues.get(record.queue);
    if (queue === undefined) throw new Error(`no record describes the queue ${record.queue}`);
    // Looking at a place is no sign that the store was reached by those who must extend or be seen.
    if (record.type !== "placed") touch(queue, t);
    switch (record.type) {
      case "joined":
        joined(queue, record, blame);
        return;
      case "claimed":
        claimed(queue, record, t, blame);
        return;
      case "ticket_call":
        called(queue, record, t, blame);
        return;
      case "ticket_moved":
        moved(queue, record, t, blame);
        return;
      case "person":
        person(queue, record, t);
        return;
      case "placed":
        placed(queue, record, blame);
        return;
      case "swept":
        if (record.is_done) swept(queue, t, blame);
        return;
      case "touched":
        return;
      case "drain":
        queue.drained = new Map();
        return;
      case "queue_end":
        for (const { name, state } of queue.tickets.values()) {
          if (state !== "ended") blame(`the ticket ${name} is lost: nobody ever finished it`);
        }
        return;
    }
  }

  #configure(record: QueueRecord, t: number): void {
    const known = this.#queues.get(record.queue);
    const queue: Queue = known ?? {
      settings: record,
      lanes: new Map(),
      tickets: new Map(),
      owners: new Map(),
      returned: new Set(),
      running: 0,
      fence: 0,
      claims: 0,
      joins: 0,
      touchedAt: t,
      suspendedUntil: 0,
      leasesKeptUntil: 0,
      drained: undefined,
      drainedClaims: 0,
    };
    touch(queue, t);
    queue.settings = record;
    for (const [name, weight] of Object.entries(record.lanes)) {
      const lane = queue.lanes.get(name);
      if (lane === undefined) queue.lanes.set(name, { weight, waiting: [], passed: new Map() });
      else lane.weight = weight;
    }
    for (const lane of queue.lanes.values()) lane.passed.clear();
    this.#queues.set(record.queue, queue);
  }
}

type Blame = (says: string) => void;

function touch(queue: Queue, t: number): void {
  if (t - queue.touchedAt > outageMs) {
    queue.suspendedUntil = Math.max(queue.suspendedUntil, t + queue.settings.grace_ms);
    queue.leasesKeptUntil = t + recoveryMs;
  }
  queue.touchedAt = t;
}

function joined(queue: Queue, record: JoinedRecord, blame: Blame): void {
  const { ticket: name, owner, lane: laneName, is_new: isNew } = record;
  const live = queue.owners.get(owner);
  if (!isNew) {
    if (!queue.tickets.has(name))
      blame(`the join of ${owner} returned ${name}, which nobody joined`);
    return;
  }
  if (live !== undefined) blame(`${owner} got the ticket ${name} beside its ticket ${live.name}`);
  const lane = queue.lanes.get(laneName);
  if (lane === undefined) throw new Error(`no record describes the lane ${laneName}`);
  const ticket: Ticket = {
    name,
    owner,
    lane: laneName,
    number: ++queue.joins,
    state: "waiting",
    firstClaim: undefined,
    fence: 0,
    leaseEndsAt: 0,
    claimedBy: undefined,
    goneAt: undefined,
  };
  if (lane.waiting.length === 0) lane.passed.clear();
  lane.waiting.push(ticket);
  queue.tickets.set(name, ticket);
  queue.owners.set(owner, ticket);
}

function claimed(queue: Queue, record: ClaimedRecord, t: number, blame: Blame): void {
  const { ticket: name, fence = 0, worker, key, lease_ms: leaseMs } = record;
  const earlier = runningOf(queue, worker, key);
  if (name === undefined) {
    if (earlier !== undefined)
      blame(`the repeated claim of ${worker} did not return ${earlier.name}`);
    const hasRoom = queue.running < queue.settings.capacity;
    const waiting = waitingCount(queue);
    if (record.reason === "empty" && waiting > 0)
      blame(`${waiting} tickets wait, and ${worker} got none`);
    if (record.reason === "full" && hasRoom) blame(`${worker} got none although there is capacity`);
    return;
  }
  const ticket = queue.tickets.get(name);
  if (ticket === undefined) {
    blame(`${worker} got the ticket ${name}, which nobody joined`);
    return;
  }
  if (record.is_repeat === true) {
    if (earlier !== ticket || ticket.fence !== fence)
      blame(`${worker} got ${name} as a repeat of another claim`);
    return;
  }
  if (earlier !== undefined)
    blame(`${worker} repeated its claim of ${earlier.name} and got ${name}`);
  if (ticket.state === "running")
    blame(`${name} is served by ${worker} and by another worker at a time`);
  if (ticket.state === "ended") blame(`${name} is served again after its end`);
  if (fence <= queue.fence) blame(`the fence ${fence} was given out after ${queue.fence}`);
  if (queue.running >= queue.settings.capacity) blame(`${name} is served beyond the capacity`);
  inTurn(queue, ticket, blame);
  if (queue.drained !== undefined) inDrainedTurn(queue, ticket, blame);
  take(queue, ticket);
  queue.fence = Math.max(queue.fence, fence);
  if (ticket.state !== "running") queue.running++;
  ticket.state = "running";
  ticket.fence = fence;
  ticket.firstClaim ??= ++queue.claims;
  ticket.claimedBy = `${worker} ${key}`;
  ticket.leaseEndsAt = t + leaseMs;
}

/** Checks that tickets that came back are first, that each lane is in order, and that no lane is passed too often. */
function inTurn(queue: Queue, ticket: Ticket, blame: Blame): void {
  const first = Math.min(...[...queue.returned].map(({ firstClaim = 0 }) => firstClaim));
  if (ticket.firstClaim !== undefined) {
    if (ticket.firstClaim > first)
      blame(`${ticket.name} is served before a ticket with an older place`);
    return;
  }
  if (queue.returned.size > 0)
    blame(`${ticket.name} is served before a ticket that came back to its place`);
  const [head] = queue.lanes.get(ticket.lane)?.waiting ?? [];
  if (head !== undefined && head !== ticket)
    blame(`${ticket.name} is served before ${head.name} of its lane`);
  for (const [name, lane] of queue.lanes) {
    if (name === ticket.lane) {
      lane.passed.clear();
      continue;
    }
    if (lane.waiting.length === 0) continue;
    const passed = (lane.passed.get(ticket.lane) ?? 0) + 1;
    lane.passed.set(ticket.lane, passed);
    const weight = queue.lanes.get(ticket.lane)?.weight ?? 1;
    const most = Math.ceil(weight / lane.weight) + 2;
    if (passed > most)
      blame(`the lane ${name} does not move: ${ticket.lane} was served ${passed} times`);
  }
}

function inDrainedTurn(queue: Queue, ticket: Ticket, blame: Blame): void {
  const turn = ++queue.drainedClaims;
  const told = queue.drained?.get(turn);
  if (told !== undefined && told !== ticket.name) {
    blame(`${told} was told the position ${turn}, and ${ticket.name} was served in its turn`);
  }
}

function called(queue: Queue, record: TicketCallRecord, t: number, blame: Blame): void {
  const { ticket: name, fence, call, outcome } = record;
  const ticket = queue.tickets.get(name);
  if (ticket === undefined) return;
  const holds = ticket.state === "running" && ticket.fence === fence;
  if (outcome === "stale" || outcome === "unknown") {
    if (holds) blame(`the worker of ${name} was refused although it has the ticket`);
    return;
  }
  if (outcome === "repeated") {
    if (ticket.fence !== fence) blame(`an old fence of ${name} was accepted as a repeat`);
    return;
  }
  if (!holds) {
    blame(
      `the fence ${fence} of ${name} was accepted by ${call} although it is not the latest, or nobody has the ticket`,
    );
    return;
  }
  if (call === "extend") {
    ticket.leaseEndsAt = t + (record.lease_ms ?? 0);
    return;
  }
  queue.running--;
  if (call === "give_back") putBack(queue, ticket);
  else end(queue, ticket);
}

function moved(
  queue: Queue,
  { ticket: name, to }: TicketMovedRecord,
  t: number,
  blame: Blame,
): void {
  const ticket = queue.tickets.get(name);
  if (ticket === undefined) {
    blame(`${name} was moved, and nobody joined with it`);
    return;
  }
  if (to === "returned") {
    if (ticket.state !== "running") blame(`${name} was returned, and no worker had it`);
    if (t < ticket.leaseEndsAt) blame(`${name} was taken from its worker before its lease ended`);
    if (t < queue.leasesKeptUntil)
      blame(`${name} was taken from its worker at once after an outage`);
    queue.running--;
    putBack(queue, ticket);
    return;
  }
  if (ticket.state !== "waiting") blame(`${name} left and did not wait`);
  if (to === "gone") {
    if (ticket.goneAt === undefined) blame(`${name} left for its person, who was never seen`);
    else if (t < ticket.goneAt)
      blame(`${name} left ${ticket.goneAt - t} ms before the end of the grace`);
    if (t < queue.suspendedUntil) blame(`${name} left within one grace after an outage`);
  }
  take(queue, ticket);
  end(queue, ticket);
}

/** Checks that nothing is left that a sweep had to move. */
function swept(queue: Queue, t: number, blame: Blame): void {
  for (const {
    name,
    state,
    leaseEndsAt,
    goneAt = Number.POSITIVE_INFINITY,
  } of queue.owners.values()) {
    if (state === "running" && leaseEndsAt <= t && t >= queue.leasesKeptUntil) {
      blame(`the lease of ${name} ended, and no sweep returned it`);
    }
    if (state === "waiting" && goneAt <= t && t >= queue.suspendedUntil) {
      blame(`the person of ${name} is gone, and no sweep let it leave`);
    }
  }
}

function person(
  queue: Queue,
  { ticket: name, sign, for_ms: forMs = 0 }: PersonRecord,
  t: number,
): void {
  const ticket = queue.tickets.get(name);
  if (ticket === undefined || ticket.state === "ended") return;
  const { grace_ms: graceMs } = queue.settings;
  if (sign === "seen") ticket.goneAt = t + forMs + graceMs;
  else if (ticket.goneAt !== undefined) ticket.goneAt = Math.min(ticket.goneAt, t + graceMs);
}

function placed(queue: Queue, record: PlacedRecord, blame: Blame): void {
  const { ticket: name, position, total, ahead_in_lane: aheadInLane } = record;
  const ticket = queue.tickets.get(name);
  if (ticket?.state !== "waiting") {
    blame(`${name} was told a place and does not wait`);
    return;
  }
  const waiting = waitingCount(queue);
  const ahead =
    [...queue.returned].filter((one) => one.lane === ticket.lane && isBefore(one, ticket)).length +
    (queue.lanes.get(ticket.lane)?.waiting.filter((one) => isBefore(one, ticket)).length ?? 0);
  if (total !== waiting) blame(`${name} was told that ${total} wait, and ${waiting} do`);
  if (aheadInLane !== ahead)
    blame(`${name} was told that ${aheadInLane} are ahead, and ${ahead} are`);
  if (position <= ahead || position > waiting)
    blame(`${name} was told the position ${position} of ${waiting}`);
  if (queue.drained === undefined) return;
  const other = queue.drained.get(position);
  if (other !== undefined) blame(`${name} and ${other} were told the same position`);
  queue.drained.set(position, name);
}

function isBefore(one: Ticket, other: Ticket): boolean {
  return one.number < other.number;
}

function waitingCount(queue: Queue): number {
  let waiting = queue.returned.size;
  for (const lane of queue.lanes.values()) waiting += lane.waiting.length;
  return waiting;
}

function runningOf(queue: Queue, worker: string, key: string): Ticket | undefined {
  for (const ticket of queue.owners.values()) {
    if (ticket.state === "running" && ticket.claimedBy === `${worker} ${key}`) return ticket;
  }
  return undefined;
}

function take(queue: Queue, ticket: Ticket): void {
  queue.returned.delete(ticket);
  const waiting = queue.lanes.get(ticket.lane)?.waiting ?? [];
  const at = waiting.indexOf(ticket);
  if (at >= 0) waiting.splice(at, 1);
}

function putBack(queue: Queue, ticket: Ticket): void {
  ticket.state = "waiting";
  queue.returned.add(ticket);
}

function end(queue: Queue, ticket: Ticket): void {
  ticket.state = "ended";
  if (queue.owners.get(ticket.owner) === ticket) queue.owners.delete(ticket.owner);
}
