/** Lock that this tab holds; at most one tab of the browser holds a lock of one name. */
export interface HeldLock {
  /** Resolves when another tab took the lock by force. */
  readonly stolen: Promise<void>;
  release(): void;
}

/** Locks that all tabs of one origin share. The lock of a tab that is closed or crashes is released. */
export interface TabLocks {
  /** Waits for a lock, behind those who wait already; rejects when `signal` is aborted first. */
  wait(name: string, signal: AbortSignal): Promise<HeldLock>;
  /** Takes a lock if it is free now. */
  tryTake(name: string): Promise<HeldLock | undefined>;
  /** Takes a lock from its holder, which may be frozen, and releases it to the next one in line. */
  break(name: string): Promise<void>;
}

/** Named channel between tabs of one origin: what one end posts, all other ends receive. */
export interface TabChannel {
  /** Posts a message to all other ends; does nothing after `close`. */
  post(message: object): void;
  close(): void;
}

/** Means by which tabs of one origin find and talk to each other. Tests pass their own. */
export interface Tabs {
  readonly locks: TabLocks;
  /** Opens one end of a channel; `onMessage` receives what the other ends post. */
  channel(name: string, onMessage: (message: Record<string, unknown>) => void): TabChannel;
  /**
   * Calls `listener` when the browser is about to freeze this tab or to leave the page. Returns a function that
   * removes it.
   */
  onFreeze(listener: () => void): () => void;
  /** Returns a text that is the same for the same `secret` and does not reveal it. */
  digest(secret: string): Promise<string>;
}
