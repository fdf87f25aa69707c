/** A place where work can be held; open until a pause is asked for. */
export class PauseGate {
  #closed = false;
  readonly #held = new Set<() => void>();
  #onReached: (() => void) | undefined;

  /** Whether a pause was asked for and not ended, reached or not. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Holds the work at its next pause point; `onReached` is called once, when the first one is reached. */
  close(onReached: () => void): void {
    this.#closed = true;
    this.#onReached = onReached;
  }

  /** Lets everything that is held go on. */
  open(): void {
    this.#closed = false;
    this.#onReached = undefined;
    for (const release of this.#held) release();
    this.#held.clear();
  }

  /** Resolves at once unless closed, then when it opens; rejects with the signal's reason when aborted. */
  async pass(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#closed) return;
    const reached = this.#onReached;
    this.#onReached = undefined;
    reached?.();
    await new Promise<void>((resolve) => {
      const release = () => {
        signal.removeEventListener("abort", release);
        this.#held.delete(release);
        resolve();
      };
      this.#held.add(release);
      signal.addEventListener("abort", release, { once: true });
    });
    // Closed again in the meantime: this caller is held again.
    return this.pass(signal);
  }
}
