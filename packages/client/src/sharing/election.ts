import type { Cancel } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";
import type { TransportName } from "../transport/transport.ts";
import type { HeldLock, TabChannel, Tabs } from "./tabs.ts";

/** Interval between questions for the leader, in milliseconds. */
const askEveryMs = 1_000;
/**
 * Number of questions without an answer after which the lock's holder counts as frozen. The holder answers each
 * question, also while it connects.
 */
const maxUnanswered = 3;

/** Tab that leads a group: its id, and the transport of its connection. */
export interface FoundLeader {
  readonly id: string;
  readonly carrier: TransportName;
}

/** Outcomes of an election for the tab that takes part. */
export interface ElectionEvents {
  /** Called when this tab holds the group's lock and is the leader. The election is closed. */
  onElected(lock: HeldLock): void;
  /** Called when another tab is the leader and accepts this one as a follower. */
  onLeader(leader: FoundLeader): void;
  /** Called when the leader that was found is gone, or another tab leads. The election is closed. */
  onVacant(): void;
  /** Called when the leader has no room for another tab. The election is closed. */
  onFull(): void;
}

/**
 * Election of the tab that holds a group's connection.
 *
 * The leader is the tab that holds the group's lock. Every other tab waits for that lock, and so learns at once
 * when the leader is closed or crashes. A leader that is frozen keeps its lock. It is recognized by its silence,
 * and {@link unseat} then takes the lock away from it.
 */
export class Election {
  readonly #tabs: Tabs;
  readonly #schedule: Schedule;
  readonly #group: string;
  readonly #tab: string;
  readonly #events: ElectionEvents;
  readonly #leaving = new AbortController();
  readonly #bus: TabChannel;
  #unanswered = 0;
  /** Id of the leader that was found. */
  #leader: string | undefined;
  #isOver = false;
  #timer: Cancel | undefined;

  constructor(
    { tabs, schedule }: { readonly tabs: Tabs; readonly schedule: Schedule },
    group: string,
    tab: string,
    events: ElectionEvents,
  ) {
    this.#tabs = tabs;
    this.#schedule = schedule;
    this.#group = group;
    this.#tab = tab;
    this.#events = events;
    this.#bus = tabs.channel(group, (message) => this.#take(message));
    tabs.locks.wait(group, this.#leaving.signal).then(
      (lock) => this.#granted(lock),
      () => {},
    );
    this.#ask();
  }

  /** Takes the lock away from a leader that no longer answers. The next tab in line then holds it. */
  unseat(): void {
    if (!this.#isOver) void this.#tabs.locks.break(this.#group).catch(() => {});
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.();
    this.#bus.close();
    this.#leaving.abort();
  }

  #ask(): void {
    if (this.#unanswered >= maxUnanswered) {
      this.#unanswered = 0;
      this.unseat();
    }
    this.#unanswered++;
    this.#bus.post({ who: this.#tab });
    this.#timer = this.#schedule.after(askEveryMs, () => this.#ask());
  }

  #take({ to, lead, carrier, wait, full }: Record<string, unknown>): void {
    if (this.#isOver) return;
    if (to === undefined) {
      // A leader that has just connected announces itself to all.
      if (typeof lead !== "string") return;
      if (this.#leader === undefined) this.#bus.post({ who: this.#tab });
      else if (this.#leader !== lead) {
        this.close();
        this.#events.onVacant();
      }
      return;
    }
    if (to !== this.#tab || this.#leader !== undefined) return;
    if (wait === true) this.#unanswered = 0;
    else if (full === true) {
      this.close();
      this.#events.onFull();
    } else if (typeof lead === "string") {
      this.#leader = lead;
      this.#timer?.();
      this.#events.onLeader({ id: lead, carrier: carrier as TransportName });
    }
  }

  #granted(lock: HeldLock): void {
    if (this.#isOver) {
      lock.release();
      return;
    }
    const wasFollowing = this.#leader !== undefined;
    // `close` aborts nothing that matters any more: the lock is granted.
    this.close();
    if (wasFollowing) {
      // All followers learn of the end in the same way. Who connects first is the next leader.
      lock.release();
      this.#events.onVacant();
    } else this.#events.onElected(lock);
  }
}
