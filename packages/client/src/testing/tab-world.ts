import type { HeldLock, TabLocks, Tabs } from "../sharing/tabs.ts";

interface Lock {
  holder: { steal(): void } | undefined;
  readonly queue: (() => void)[];
}

interface End {
  readonly tab: FakeTab;
  readonly onMessage: (message: Record<string, unknown>) => void;
}

/** Tabs of one browser in memory, with the locks and channels that they share. */
export class TabWorld {
  readonly locks = new Map<string, Lock>();
  readonly ends = new Map<string, Set<End>>();

  open(): FakeTab {
    return new FakeTab(this);
  }

  lock(name: string): Lock {
    const lock = this.locks.get(name) ?? { holder: undefined, queue: [] };
    this.locks.set(name, lock);
    return lock;
  }
}

/** One tab of a {@link TabWorld}. While it is frozen, what happens to it waits; once it has crashed, nothing does. */
export class FakeTab implements Tabs {
  readonly locks: TabLocks;
  readonly #world: TabWorld;
  readonly #held = new Set<HeldLock>();
  readonly #freezing = new Set<() => void>();
  #waiting: (() => void)[] | undefined;
  #isGone = false;

  constructor(world: TabWorld) {
    this.#world = world;
    this.locks = {
      wait: (name, signal) => this.#wait(name, signal),
      tryTake: async (name) => {
        const lock = world.lock(name);
        return lock.holder === undefined ? this.#grant(lock) : undefined;
      },
      break: async (name) => {
        const lock = world.lock(name);
        lock.holder?.steal();
        next(lock);
      },
    };
  }

  /** True once the tab has crashed. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Number of tasks that wait for the thaw. */
  get waiting(): number {
    return this.#waiting?.length ?? 0;
  }

  /** Runs a task of this tab: at once, after the thaw, or never. */
  run(task: () => void): void {
    if (this.#isGone) return;
    if (this.#waiting === undefined) task();
    else this.#waiting.push(task);
  }

  channel(name: string, onMessage: (message: Record<string, unknown>) => void) {
    const end: End = { tab: this, onMessage };
    const ends = this.#world.ends.get(name) ?? new Set();
    this.#world.ends.set(name, ends);
    ends.add(end);
    return {
      post: (message: object) => {
        if (this.#isGone || !ends.has(end)) return;
        for (const other of ends) {
          if (other === end) continue;
          const copy = structuredClone(message) as Record<string, unknown>;
          queueMicrotask(() =>
            other.tab.run(() => {
              if (ends.has(other)) other.onMessage(copy);
            }),
          );
        }
      },
      close: () => {
        ends.delete(end);
        if (ends.size === 0 && this.#world.ends.get(name) === ends) this.#world.ends.delete(name);
      },
    };
  }

  onFreeze(listener: () => void): () => void {
    this.#freezing.add(listener);
    return () => this.#freezing.delete(listener);
  }

  digest(secret: string): Promise<string> {
    return Promise.resolve(secret);
  }

  /** Stops the tab without notice, as a browser or a debugger may. */
  freeze(): void {
    this.#waiting ??= [];
  }

  /** Freezes the tab after the browser's event. */
  freezeWithNotice(): void {
    for (const listener of [...this.#freezing]) listener();
    this.freeze();
  }

  thaw(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const task of waiting) this.run(task);
  }

  /** Ends the tab without a chance to say so. Its locks are free. */
  crash(): void {
    this.#isGone = true;
    for (const held of [...this.#held]) held.release();
  }

  #wait(name: string, signal: AbortSignal): Promise<HeldLock> {
    return new Promise((resolve, reject) => {
      const lock = this.#world.lock(name);
      const ask = () => {
        if (this.#isGone || signal.aborted) next(lock);
        else {
          // The browser grants a lock to a frozen tab too, which does not learn of it before its thaw.
          const held = this.#grant(lock);
          this.run(() => resolve(held));
        }
      };
      signal.addEventListener("abort", () => {
        const at = lock.queue.indexOf(ask);
        if (at >= 0) lock.queue.splice(at, 1);
        reject(signal.reason);
      });
      lock.queue.push(ask);
      next(lock);
    });
  }

  #grant(lock: Lock): HeldLock {
    let steal = () => {};
    const stolen = new Promise<void>((resolve) => {
      steal = () => this.run(resolve);
    });
    const holder = {
      steal: () => {
        lock.holder = undefined;
        this.#held.delete(held);
        steal();
      },
    };
    const held: HeldLock = {
      stolen,
      release: () => {
        this.#held.delete(held);
        if (lock.holder !== holder) return;
        lock.holder = undefined;
        next(lock);
      },
    };
    lock.holder = holder;
    this.#held.add(held);
    return held;
  }
}

function next(lock: Lock): void {
  if (lock.holder === undefined) lock.queue.shift()?.();
}
