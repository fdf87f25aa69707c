"use client";
import { useEffect, useState } from "react";
import { useClient } from "./provider.tsx";

/**
 * Returns the client's time in milliseconds since 1970. While `active`, the component renders again each second
 * with the new time; otherwise the time does not change.
 */
export function useNow(active: boolean): number {
  const { clock } = useClient();
  const [now, setNow] = useState(() => clock.now());
  useEffect(() => {
    if (!active) return;
    const tick = () => {
      setNow(clock.now());
      cancel = clock.after(1_000, tick);
    };
    setNow(clock.now());
    let cancel = clock.after(1_000, tick);
    return () => cancel();
  }, [clock, active]);
  return now;
}
