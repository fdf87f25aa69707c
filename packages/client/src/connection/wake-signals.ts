/** What a browser lets a page know about its network. */
export interface WakeSignals {
  /** The network or the page is back: try at once. */
  onWake(): void;
  /** The network seems gone: a connection that looks open may not be. */
  onDoubt(): void;
}

/** Listens for a browser's signs; does nothing elsewhere. Returns the end of it. */
export function watchWakeSignals({ onWake, onDoubt }: WakeSignals): () => void {
  if (typeof window === "undefined" || typeof document === "undefined") return () => {};
  const listening = new AbortController();
  const { signal } = listening;
  window.addEventListener("online", onWake, { signal });
  window.addEventListener("pageshow", onWake, { signal });
  window.addEventListener("offline", onDoubt, { signal });
  const onVisibility = () => {
    if (document.visibilityState === "visible") onWake();
  };
  document.addEventListener("visibilitychange", onVisibility, { signal });
  return () => listening.abort();
}
