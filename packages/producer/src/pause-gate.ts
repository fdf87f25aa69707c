/** Gate that holds work at its pause points while a pause is requested. Open at first. */
export class PauseGate {
  #closed = false;
  readonly #held = new Set<() => void>();
  #onReached: (() => void) | undefined;

  /** True from the request of a pause until it ends, whether or not a pause point was reached. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /**
   * Closes the gate, so that the work is held at its next pause point. Calls `onReached` once, when the first
   * pause point is reached.
   */
  close(onReached: () => void): void {
    this.#closed = true;
    this.#onReached = onReached;
  }

  /** Opens the gate and releases all held work. */
  open(): void {
    this.#closed = false;
    this.#onReached = undefined;
    for (const release of this.#held) release();
    this.#held.clear();
  }

  /**
   * Resolves at once while the gate is open, else when it opens. Rejects with the signal's reason once the
   * signal is aborted.
   */
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
    // The gate may have closed again before this caller continued. The caller is then held again.
    return this.pass(signal);
  }
}
