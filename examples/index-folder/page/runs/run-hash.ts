import { useCallback, useSyncExternalStore } from "react";

const prefix = "#run=";

function read(): string | undefined {
  const { hash } = window.location;
  if (!hash.startsWith(prefix)) return undefined;
  try {
    return decodeURIComponent(hash.slice(prefix.length)) || undefined;
  } catch {
    return undefined;
  }
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

/**
 * Returns the selected run and a function that selects another. The address holds the selection, so that a
 * reload and a second tab show the same run.
 */
export function useRunHash(): readonly [string | undefined, (id: string) => void] {
  const id = useSyncExternalStore(subscribe, read);
  const select = useCallback((next: string) => {
    window.location.hash = `run=${encodeURIComponent(next)}`;
  }, []);
  return [id, select];
}
