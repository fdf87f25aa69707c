import type { ClientClock } from "../runtime/clock.ts";
import type { HeldLock, TabChannel, TabLocks, Tabs } from "./tabs.ts";

/** Time for which a holder, or a claimant that comes first, may object to a claim, in milliseconds. */
const objectWithinMs = 200;
/** Interval at which a waiting tab claims the lock again, in milliseconds, plus a random part of up to as much. */
const claimEveryMs = 1_000;
const channelName = "milepost:locks";

interface Held {
  steal(): void;
}

interface Claim {
  readonly id: string;
  /** Resolves when the time to object is over. */
  readonly lock: Promise<HeldLock | undefined>;
  isLost: boolean;
  /** True when the lock was released after the claim. */
  isFreed: boolean;
}

/**
 * Locks for pages without Web Locks. A lock belongs to the tab that claimed it and met no objection in time.
 *
 * Such a lock is not exclusive at every moment: two tabs that cannot hear each other both hold it until they can.
 * Sharing stays correct then, with one connection too many. A holder that is frozen or has crashed cannot object,
 * so its lock goes to the next claimant.
 */
export class BroadcastLocks implements TabLocks {
  readonly #clock: ClientClock;
  readonly #random: () => number;
  readonly #open: () => TabChannel;
  /** Channel to the other tabs, while this one holds, claims or awaits a lock. */
  #channel: TabChannel | undefined;
  readonly #held = new Map<string, Held>();
  /** Claims of this tab that are open, by name. */
  readonly #claims = new Map<string, Claim>();
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(channel: Tabs["channel"], clock: ClientClock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
    this.#open = () => channel(channelName, (message) => this.#take(message));
  }

  async wait(name: string, signal: AbortSignal): Promise<HeldLock> {
    for (;;) {
      signal.throwIfAborted();
      const claim = this.#claim(name);
      const lock = await claim?.lock;
      if (lock !== undefined && !signal.aborted) return lock;
      lock?.release();
      signal.throwIfAborted();
      if (claim?.isFreed !== true) await this.#pause(name, signal);
    }
  }

  async tryTake(name: string): Promise<HeldLock | undefined> {
    return this.#claim(name)?.lock;
  }

  async break(name: string): Promise<void> {
    this.#post({ taken: name });
    this.#post({ free: name });
    this.#held.get(name)?.steal();
    this.#wake(name);
  }

  /** Claims a lock; returns undefined if this tab holds or claims it already. */
  #claim(name: string): Claim | undefined {
    if (this.#held.has(name) || this.#claims.has(name)) return undefined;
    const id = this.#random().toString(36).padEnd(16, "0");
    const claim: Claim = {
      id,
      isLost: false,
      isFreed: false,
      lock: this.#await(name, () => claim),
    };
    this.#claims.set(name, claim);
    this.#post({ claim: name, id });
    return claim;
  }

  async #await(name: string, claimOf: () => Claim): Promise<HeldLock | undefined> {
    await new Promise<void>((resolve) => this.#clock.after(objectWithinMs, resolve));
    this.#claims.delete(name);
    if (claimOf().isLost) {
      // Whoever waits for the lock does so in a moment.
      queueMicrotask(() => this.#closeIfIdle());
      return undefined;
    }
    const held = this.#hold(name);
    this.#post({ taken: name });
    return held;
  }

  #hold(name: string): HeldLock {
    let steal = () => {};
    const stolen = new Promise<void>((resolve) => {
      steal = resolve;
    });
    const held: Held = {
      steal: () => {
        this.#held.delete(name);
        this.#closeIfIdle();
        steal();
      },
    };
    this.#held.set(name, held);
    return {
      stolen,
      release: () => {
        if (this.#held.get(name) !== held) return;
        this.#held.delete(name);
        this.#post({ free: name });
        this.#wake(name);
      },
    };
  }

  #post(message: object): void {
    this.#channel ??= this.#open();
    this.#channel.post(message);
    this.#closeIfIdle();
  }

  /** Closes the channel while there is nothing that this tab could object to or wait for. */
  #closeIfIdle(): void {
    if (this.#held.size + this.#claims.size + this.#waiting.size > 0) return;
    this.#channel?.close();
    this.#channel = undefined;
  }

  #take({ claim, id, held, to, taken, free }: Record<string, unknown>): void {
    if (typeof claim === "string") {
      const own = this.#claims.get(claim);
      if (own !== undefined && String(id) < own.id) own.isLost = true;
      else if (own !== undefined || this.#held.has(claim)) {
        this.#post({ held: claim, to: id });
      }
    }
    if (typeof held === "string") {
      const own = this.#claims.get(held);
      if (own?.id === to && own !== undefined) own.isLost = true;
    }
    if (typeof taken === "string") this.#held.get(taken)?.steal();
    if (typeof free === "string") {
      const own = this.#claims.get(free);
      if (own !== undefined) own.isFreed = true;
      this.#wake(free);
    }
  }

  /** Waits until the lock may be free: it was released, or it is time to ask again. */
  #pause(name: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(name) ?? new Set();
      this.#waiting.set(name, waiting);
      const go = () => {
        cancel();
        waiting.delete(go);
        if (waiting.size === 0) this.#waiting.delete(name);
        queueMicrotask(() => this.#closeIfIdle());
        signal.removeEventListener("abort", go);
        resolve();
      };
      const cancel = this.#clock.after(claimEveryMs * (1 + this.#random()), go);
      waiting.add(go);
      this.#channel ??= this.#open();
      signal.addEventListener("abort", go);
    });
  }

  #wake(name: string): void {
    for (const go of [...(this.#waiting.get(name) ?? [])]) go();
  }
}
