import type { Backoff } from "../connection/backoff.ts";
import type { ClientClock } from "../runtime/clock.ts";
import { randomKeys } from "../runtime/random-keys.ts";
import { type Fetch, HttpEndpoint } from "../transport/http-endpoint.ts";
import type {
  Attempt,
  CloseDetails,
  Transport,
  TransportConnection,
  TransportConnectionEvents,
  TransportName,
} from "../transport/transport.ts";
import { Election, type FoundLeader } from "./election.ts";
import { Follower } from "./follower.ts";
import { groupOf } from "./group.ts";
import { Leader, type LeaderParts } from "./leader.ts";
import { followerNames, lifeLockOf } from "./remote-member.ts";
import { takeSlot } from "./stream-slots.ts";
import type { HeldLock, Tabs } from "./tabs.ts";

/** Interval at which a tab without a slot for its stream looks for a free one, in milliseconds. */
const lookForSlotMs = 10_000;

/** Parts that a shared transport is built from. */
export interface SharedTransportParts {
  /** Transport of the connection that the tabs share. */
  readonly inner: Transport;
  /**
   * Transport that holds no response open, for tabs beyond the number that may hold one. Undefined if `inner`
   * needs no such bound.
   */
  readonly brief: Transport | undefined;
  /** Means to reach other tabs; undefined where there are none, and nothing is shared. */
  readonly tabs: Tabs | undefined;
  /** False when each tab is to have its own connection. Their number is bounded all the same. */
  readonly share: boolean;
  readonly fetch: Fetch;
  readonly clock: ClientClock;
  readonly backoff: Backoff;
  readonly random: () => number;
}

/** State that a client keeps from one connection to the next. */
export interface SharedMemory {
  /** True when this client connects without sharing. */
  isAlone: boolean;
  /** True when the last connection was that of a leader. */
  followed: boolean;
}

/** Way of this tab to the gateway: its own connection, or that of its leader. */
interface Line {
  readonly closed?: Promise<void>;
  send(messages: readonly string[], maxBytes: number): void;
  renew?(token: string): void;
  release(): void;
}

/**
 * Transport connection that is shared with other tabs.
 *
 * It takes part in the election of its group and then has one of three lines: it leads the group, follows the
 * leader, or is alone. When the line ends through no fault of the gateway, the client is told to move, as a node
 * would tell it. It connects again at once and resumes each channel from the position that it holds itself. So
 * a change of the leader loses and repeats nothing, whatever became of the old one.
 */
export class SharedConnection implements TransportConnection {
  readonly closed: Promise<void>;
  readonly #parts: SharedTransportParts;
  readonly #memory: SharedMemory;
  readonly #attempt: Attempt;
  readonly #events: TransportConnectionEvents;
  readonly #tab: string;
  #group = "";
  #carrier: TransportName;
  #line: Line | undefined;
  #isWelcome = false;
  #isOver = false;
  #resolveClosed: (closing: Promise<void> | undefined) => void = () => {};
  #cleanUps: (() => void)[] = [];

  constructor(
    parts: SharedTransportParts,
    memory: SharedMemory,
    attempt: Attempt,
    events: TransportConnectionEvents,
  ) {
    this.#parts = parts;
    this.#memory = memory;
    this.#attempt = attempt;
    this.#events = events;
    this.#tab = randomKeys(parts.random)();
    this.#carrier = parts.inner.name;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = (closing) => resolve(closing);
    });
    this.#run().catch(() => this.#close(1006, ""));
  }

  get name(): TransportName {
    return this.#carrier;
  }

  send(messages: readonly string[], maxBytes: number): void {
    const others: string[] = [];
    for (const text of messages) {
      if (text.startsWith('{"type":"auth"') && this.#group !== "") void this.#authenticate(text);
      else others.push(text);
    }
    if (others.length > 0) this.#line?.send(others, maxBytes);
  }

  renew(token: string): void {
    this.#line?.renew?.(token);
  }

  release(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const line = this.#line;
    line?.release();
    for (const cleanUp of this.#cleanUps.splice(0).reverse()) cleanUp();
    this.#resolveClosed(line?.closed);
  }

  async #run(): Promise<void> {
    const { tabs, inner } = this.#parts;
    if (tabs === undefined) {
      const transport = this.#parts.brief ?? inner;
      this.#carrier = transport.name;
      this.#openAlone(transport);
      return;
    }
    this.#cleanUps.push(tabs.onFreeze(() => this.#move()));
    if (this.#memory.isAlone) {
      const transport = await this.#transportFor(tabs);
      if (!this.#isOver) this.#openAlone(transport);
      return;
    }
    this.#group = await groupOf(inner.name, this.#attempt, tabs.digest);
    if (this.#isOver) return;
    const life = await tabs.locks.tryTake(lifeLockOf(this.#group, this.#tab));
    this.#keep(life);
    if (!this.#isOver) this.#elect(tabs);
  }

  #elect(tabs: Tabs): void {
    const election: Election = new Election(
      { tabs, schedule: this.#attempt.schedule },
      this.#group,
      this.#tab,
      {
        onElected: (lock) => void this.#lead(tabs, lock).catch(() => this.#close(1006, "")),
        onLeader: (leader) => this.#follow(tabs, leader, election),
        onVacant: () => this.#move(),
        onFull: () => this.#turnAway(),
      },
    );
    this.#cleanUps.push(() => election.close());
  }

  async #lead(tabs: Tabs, lock: HeldLock): Promise<void> {
    this.#cleanUps.push(() => lock.release());
    const transport = await this.#transportFor(tabs);
    if (this.#isOver) return;
    const parts: LeaderParts = {
      tabs,
      schedule: this.#attempt.schedule,
      backoff: this.#parts.backoff,
      group: this.#group,
      tab: this.#tab,
      carrier: this.#carrier,
      open: (events) => transport.open(this.#own(), events),
    };
    this.#line = new Leader(parts, lock, {
      ...this.#lineEvents(),
      onTurnedAway: () => this.#turnAway(),
      onUnseated: () => this.#move(),
    });
  }

  #follow(tabs: Tabs, leader: FoundLeader, election: Election): void {
    const { fetch, clock } = this.#parts;
    const { url, token, schedule } = this.#attempt;
    this.#carrier = leader.carrier;
    this.#memory.followed = true;
    const endpoint = new HttpEndpoint(fetch, url, token);
    const names = followerNames(this.#group, leader.id, this.#tab);
    this.#line = new Follower({ tabs, schedule, clock, endpoint }, names, {
      ...this.#lineEvents(),
      onTurnedAway: () => this.#turnAway(),
      onMoved: () => this.#move(),
      onSilent: () => election.unseat(),
    });
  }

  #openAlone(transport: Transport): void {
    this.#line = transport.open(this.#own(), this.#lineEvents());
  }

  /**
   * Returns the attempt of a connection of this tab's own. It replaces the last connection only if that was this
   * tab's own too: the connection of a leader is still in use.
   */
  #own(): Attempt {
    const connectionId = this.#memory.followed ? undefined : this.#attempt.connectionId;
    this.#memory.followed = false;
    return { ...this.#attempt, connectionId };
  }

  /**
   * Returns the transport for a connection of this tab's own: the shared one's if a slot is free, else the brief
   * one, until a slot is.
   */
  async #transportFor(tabs: Tabs): Promise<Transport> {
    const { inner, brief } = this.#parts;
    if (brief === undefined) return inner;
    const slot = await takeSlot(tabs, this.#attempt.url);
    this.#keep(slot);
    if (slot !== undefined) return inner;
    this.#carrier = brief.name;
    this.#lookForSlot(tabs);
    return brief;
  }

  #lookForSlot(tabs: Tabs): void {
    const look = async () => {
      // A browser may refuse a look of a page that is about to be hidden. The next one may pass.
      const slot = await takeSlot(tabs, this.#attempt.url).catch(() => undefined);
      slot?.release();
      if (this.#isOver) return;
      if (slot === undefined) cancel = plan();
      else this.#move();
    };
    const plan = () => this.#attempt.schedule.after(lookForSlotMs, () => void look());
    let cancel = plan();
    this.#cleanUps.push(() => cancel());
  }

  /** Keeps a lock until this connection is over. */
  #keep(lock: HeldLock | undefined): void {
    if (lock === undefined) return;
    if (this.#isOver) lock.release();
    else this.#cleanUps.push(() => lock.release());
  }

  #lineEvents(): TransportConnectionEvents {
    return {
      onFrame: (frame, bytes) => {
        if (this.#isOver) return;
        this.#isWelcome = true;
        this.#events.onFrame(frame, bytes);
      },
      onClose: (code, reason, details) => this.#close(code, reason, details),
    };
  }

  /** Passes a new token on, unless it has another authority: then this tab belongs to another group. */
  async #authenticate(text: string): Promise<void> {
    const { id, token } = JSON.parse(text);
    const { tabs, inner } = this.#parts;
    if (tabs === undefined) return;
    const group = await groupOf(inner.name, { url: this.#attempt.url, token }, tabs.digest);
    if (this.#isOver) return;
    if (group !== this.#group) this.#move();
    else if (this.#line instanceof Follower) await this.#line.authenticate(id, token);
    else this.#line?.send([text], 0);
  }

  #turnAway(): void {
    this.#memory.isAlone = true;
    this.#move();
  }

  /** Ends this connection so that the client connects again at once. */
  #move(): void {
    if (this.#isOver) return;
    this.release();
    if (!this.#isWelcome) this.#events.onClose(4000, "");
    else {
      const reconnect = { min_ms: 0, max_ms: 0 };
      this.#events.onFrame(JSON.stringify({ type: "notice", code: "move", reconnect }));
    }
  }

  #close(code: number, reason: string, details?: CloseDetails): void {
    if (this.#isOver) return;
    this.release();
    this.#events.onClose(code, reason, details);
  }
}
