import { useCallback, useEffect, useState } from "react";
import { CallFailure } from "./console-session.ts";
import { useSession } from "./session-context.ts";

/** Latest value that a page has read from the gateway. */
export interface Polled<T> {
  readonly value: T | undefined;
  /** Message of the error with which the last attempt failed; undefined if it did not fail. */
  readonly error: string | undefined;
  /** Reads at once. */
  refresh(): void;
}

/**
 * Reads a path of the gateway now and then again `intervalMs` after each answer; a path of undefined reads nothing. It
 * stops while the page is hidden, and after a refusal that another attempt would not change.
 */
export function usePolled<T>(path: string | undefined, intervalMs: number): Polled<T> {
  const session = useSession();
  const [round, setRound] = useState(0);
  const [read, setRead] = useState<{ path?: string; value?: T; error?: string }>({});
  const refresh = useCallback(() => setRound((before) => before + 1), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round reads again
  useEffect(() => {
    if (path === undefined) return;
    const leaving = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = () => {
      timer = setTimeout(attempt, intervalMs);
    };
    const attempt = () => {
      if (document.hidden) return next();
      session.call<T>("GET", path, undefined, leaving.signal).then(
        (value) => {
          if (leaving.signal.aborted) return;
          setRead({ path, value });
          next();
        },
        (error: unknown) => {
          if (leaving.signal.aborted) return;
          const message = error instanceof Error ? error.message : String(error);
          setRead((before) => ({ ...(before.path === path && before), path, error: message }));
          const isFinal = error instanceof CallFailure && error.status >= 400 && error.status < 429;
          if (!isFinal) next();
        },
      );
    };
    attempt();
    return () => {
      leaving.abort();
      clearTimeout(timer);
    };
  }, [session, path, intervalMs, round]);
  const current = read.path === path ? read : {};
  return { value: current.value, error: current.error, refresh };
}
