import type { Reporter } from "./reporter.ts";

/**
 * Set of listeners. They run after the code that notifies them, and one that throws does not disturb the
 * others.
 */
export class Listeners<Value> {
  readonly #reporter: Reporter;
  readonly #all = new Set<{ readonly tell: (value: Value) => void }>();

  constructor(reporter: Reporter) {
    this.#reporter = reporter;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Adds a listener; the same function added twice is called twice. Returns a function that removes it. */
  add(tell: (value: Value) => void): () => void {
    const listener = { tell };
    this.#all.add(listener);
    return () => {
      this.#all.delete(listener);
    };
  }

  /** Notifies all current listeners once the running code has ended, except those removed by then. */
  tell(value: Value): void {
    if (this.#all.size === 0) return;
    const listeners = [...this.#all];
    queueMicrotask(() => {
      for (const listener of listeners) {
        if (this.#all.has(listener)) this.#reporter.run(() => listener.tell(value));
      }
    });
  }
}

/**
 * Set of listeners that are called once for all changes of one tick.
 *
 * `begin` is called when the first listener is added. The function that it returns is called when the last
 * listener is removed.
 */
export class ChangeListeners {
  readonly #listeners: Listeners<void>;
  readonly #begin: () => () => void;
  #end: (() => void) | undefined;
  #told = false;

  constructor(reporter: Reporter, begin: () => () => void) {
    this.#listeners = new Listeners(reporter);
    this.#begin = begin;
  }

  get size(): number {
    return this.#listeners.size;
  }

  add(listener: () => void): () => void {
    const remove = this.#listeners.add(listener);
    this.#end ??= this.#begin();
    return () => {
      remove();
      if (this.size > 0) return;
      this.#end?.();
      this.#end = undefined;
    };
  }

  changed(): void {
    if (this.#told) return;
    this.#told = true;
    queueMicrotask(() => {
      this.#told = false;
      this.#listeners.tell();
    });
  }
}
