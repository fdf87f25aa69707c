import { useEffect, useState } from "react";

/** Returns the current time in milliseconds since 1970, once a second while `isActive`. */
export function useSeconds(isActive: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isActive) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [isActive]);
  return now;
}
