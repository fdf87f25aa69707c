/** Callbacks for a browser's network and visibility signals. */
export interface WakeSignals {
  /**
   * Called when the network is available again or the page is visible again; the client then retries at once.
   */
  onWake(): void;
  /** Called when the page has become visible or hidden. */
  onVisibility(): void;
  /** Called when the browser reports that the network is unavailable; an open connection may then be dead. */
  onDoubt(): void;
}

/** Listens for a browser's signals; does nothing elsewhere. Returns a function that stops it. */
export function watchWakeSignals({
  onWake,
  onVisibility: onPage,
  onDoubt,
}: WakeSignals): () => void {
  if (typeof window === "undefined" || typeof document === "undefined") return () => {};
  const listening = new AbortController();
  const { signal } = listening;
  window.addEventListener("online", onWake, { signal });
  window.addEventListener("pageshow", onWake, { signal });
  window.addEventListener("offline", onDoubt, { signal });
  const onVisibility = () => {
    onPage();
    if (document.visibilityState === "visible") onWake();
  };
  document.addEventListener("visibilitychange", onVisibility, { signal });
  return () => listening.abort();
}
