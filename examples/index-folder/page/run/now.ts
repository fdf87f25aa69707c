import { useEffect, useState } from "react";

/**
 * Returns the time in milliseconds since 1970, updated every `everyMs` milliseconds while `ticking` is true.
 */
export function useNow(ticking: boolean, everyMs = 1000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!ticking) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [ticking, everyMs]);
  return now;
}
