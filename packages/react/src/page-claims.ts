/** Parts that a page needs once, however many panels it has. */
export type SharedPart = "connection" | "notifications";

/**
 * Decides which of several panels shows a part that the page needs once: the first one that asked for it always to be
 * shown, else the one that was mounted first. When that panel unmounts, the next one takes over.
 */
export class PageClaims {
  /** Ids of the panels that want a part, in the order in which they were mounted, with their wish. */
  readonly #wishes: Readonly<Record<SharedPart, Map<string, "always" | "once">>> = {
    connection: new Map(),
    notifications: new Map(),
  };
  /** First panel that a server rendered, or a page hydrated, with each part. */
  readonly #rendered: Partial<Record<SharedPart, string>> = {};
  readonly #listeners = new Set<() => void>();

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  };

  /** Adds a mounted panel that wants a part. Returns a function that removes it. */
  claim(part: SharedPart, panel: string, wish: "always" | "once"): () => void {
    this.#wishes[part].set(panel, wish);
    this.#changed();
    return () => {
      this.#wishes[part].delete(panel);
      this.#changed();
    };
  }

  /** Returns the id of the panel that shows a part. */
  holder(part: SharedPart): string | undefined {
    const wishes = [...this.#wishes[part]];
    const [holder] = wishes.find(([, wish]) => wish === "always") ?? wishes[0] ?? [];
    return holder;
  }

  /**
   * Returns true for the panel that asks first. A server mounts no panel, so there the order of rendering decides, and
   * hydration repeats that order.
   */
  isFirstRendered(part: SharedPart, panel: string): boolean {
    this.#rendered[part] ??= panel;
    return this.#rendered[part] === panel;
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
